"""Tables the corpus draws from: countries, colours, names, places, foreign words."""

from __future__ import annotations


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    rows = (row.split(":") for row in " ".join(text.split()).split(";") if row.strip())
    return tuple((left.strip(), right.strip()) for left, right in rows)


CAPITALS = _pairs("""
France:Paris; Germany:Berlin; Italy:Rome; Spain:Madrid; Portugal:Lisbon; Austria:Vienna; Switzerland:Bern;
Belgium:Brussels; the Netherlands:Amsterdam; Luxembourg:Luxembourg; Denmark:Copenhagen; Sweden:Stockholm;
Norway:Oslo; Finland:Helsinki; Iceland:Reykjavik; Ireland:Dublin; the United Kingdom:London; England:London;
Scotland:Edinburgh; Wales:Cardiff; Poland:Warsaw; the Czech Republic:Prague; Slovakia:Bratislava; Hungary:Budapest;
Romania:Bucharest; Bulgaria:Sofia; Greece:Athens; Turkey:Ankara; Croatia:Zagreb; Slovenia:Ljubljana; Serbia:Belgrade;
Bosnia and Herzegovina:Sarajevo; Montenegro:Podgorica; Albania:Tirana; North Macedonia:Skopje; Kosovo:Pristina;
Ukraine:Kyiv; Belarus:Minsk; Russia:Moscow; Estonia:Tallinn; Latvia:Riga; Lithuania:Vilnius; Moldova:Chisinau;
Malta:Valletta; Cyprus:Nicosia; Monaco:Monaco; Andorra:Andorra la Vella; Liechtenstein:Vaduz;
the United States:Washington, D.C.; the USA:Washington, D.C.; Canada:Ottawa; Mexico:Mexico City; Cuba:Havana;
Jamaica:Kingston; Haiti:Port-au-Prince; Guatemala:Guatemala City; Honduras:Tegucigalpa; Nicaragua:Managua;
Costa Rica:San Jose; Panama:Panama City; El Salvador:San Salvador; the Dominican Republic:Santo Domingo;
Brazil:Brasilia; Argentina:Buenos Aires; Chile:Santiago; Peru:Lima; Colombia:Bogota; Venezuela:Caracas;
Ecuador:Quito; Bolivia:Sucre; Uruguay:Montevideo; Paraguay:Asuncion; Guyana:Georgetown; Suriname:Paramaribo;
China:Beijing; Japan:Tokyo; South Korea:Seoul; North Korea:Pyongyang; India:New Delhi; Pakistan:Islamabad;
Bangladesh:Dhaka; Nepal:Kathmandu; Sri Lanka:Colombo; Thailand:Bangkok; Vietnam:Hanoi; Cambodia:Phnom Penh;
Laos:Vientiane; Myanmar:Naypyidaw; Malaysia:Kuala Lumpur; Singapore:Singapore; Indonesia:Jakarta;
the Philippines:Manila; Mongolia:Ulaanbaatar; Kazakhstan:Astana; Uzbekistan:Tashkent; Afghanistan:Kabul; Iran:Tehran;
Iraq:Baghdad; Syria:Damascus; Lebanon:Beirut; Israel:Jerusalem; Jordan:Amman; Saudi Arabia:Riyadh; Yemen:Sanaa;
Oman:Muscat; Qatar:Doha; Kuwait:Kuwait City; Bahrain:Manama; the United Arab Emirates:Abu Dhabi; Georgia:Tbilisi;
Armenia:Yerevan; Azerbaijan:Baku; Egypt:Cairo; Libya:Tripoli; Tunisia:Tunis; Algeria:Algiers; Morocco:Rabat;
Sudan:Khartoum; Ethiopia:Addis Ababa; Kenya:Nairobi; Uganda:Kampala; Tanzania:Dodoma; Rwanda:Kigali; Somalia:Mogadishu;
Nigeria:Abuja; Ghana:Accra; Senegal:Dakar; Mali:Bamako; Cameroon:Yaounde; Angola:Luanda; Zambia:Lusaka;
Zimbabwe:Harare; Mozambique:Maputo; Madagascar:Antananarivo; Namibia:Windhoek; Botswana:Gaborone;
South Africa:Pretoria; Australia:Canberra; New Zealand:Wellington; Fiji:Suva
""")

WELL_KNOWN = tuple(
    pair
    for pair in CAPITALS
    if pair[0]
    in {
        "France",
        "Germany",
        "Italy",
        "Spain",
        "Portugal",
        "Austria",
        "Switzerland",
        "Belgium",
        "the Netherlands",
        "Denmark",
        "Sweden",
        "Norway",
        "Finland",
        "Ireland",
        "the United Kingdom",
        "England",
        "Poland",
        "Greece",
        "Turkey",
        "Russia",
        "Ukraine",
        "the United States",
        "Canada",
        "Mexico",
        "Brazil",
        "Argentina",
        "Chile",
        "Peru",
        "China",
        "Japan",
        "South Korea",
        "India",
        "Thailand",
        "Vietnam",
        "Egypt",
        "Kenya",
        "South Africa",
        "Australia",
        "New Zealand",
        "Hungary",
        "the Czech Republic",
        "Iceland",
        "Cuba",
        "Morocco",
        "Indonesia",
    }
)

COLOURS = _pairs("""
the sky:blue; grass:green; snow:white; coal:black; a banana:yellow; a lemon:yellow; the sun:yellow; a tomato:red;
blood:red; a strawberry:red; a cherry:red; a fire engine:red; an orange:orange; a carrot:orange; a pumpkin:orange;
milk:white; a swan:white; a cloud:white; chocolate:brown; wood:brown; coffee:brown; a bear:brown; a leaf:green;
a frog:green; a cucumber:green; broccoli:green; an emerald:green; a ruby:red; a sapphire:blue; the sea:blue;
the ocean:blue; an elephant:grey; a mouse:grey; stone:grey; a flamingo:pink; a pig:pink; an aubergine:purple;
lavender:purple; a plum:purple; gold:golden; silver:silver; the night:black; a raven:black; sand:yellow; a rose:red;
a sunflower:yellow; salt:white; a crow:black; ice:white; a polar bear:white
""")

NAMES = tuple(
    """
Anna Ben Carla David Emma Felix Greta Hannah Ivan Julia Karl Laura Max Nina Oscar Paula Quentin Rosa Sam Tina Uwe Vera
Will Xenia Yusuf Zoe Adam Alice Amir Andrea Anton Aria Bella Boris Camille Chen Chloe Clara Daniel Diego Dora Edward
Elena Eli Ella Emil Erik Esther Eva Farah Finn Frank Freya George Grace Gustav Hana Harry Helen Henry Hugo Ida Ines
Iris Isaac Jack Jana Jane Jasmin Joe Johan John Jonas Jose Kai Kate Kenji Kim Lars Lea Leo Lena Liam Lily Lina Linda
Louis Lucy Luis Luna Maria Mark Marta Mary Mateo Mia Michael Mila Miriam Mohammed Nadia Nico Noah Nora Olga Olivia
Omar Otto Pablo Paul Pedro Peter Petra Philip Priya Rachel Rafael Ravi Robert Ruth Sara Simon Sofia Stefan Sven
Tanja Theo Thomas Tim Tom Tomas Ursula Valentina Victor Viktor Wanda Yara Yuki Zara Susan James Lisa Bob Charlie
Dmitri Fatima Ingrid Kofi Leila Magnus Naomi Oskar Pia Rex Selma Tariq Ulla Vito Wei Ximena Yann Zeno
""".split()
)

CITIES = tuple(
    "Paris London Berlin Rome Madrid Tokyo Oslo Vienna Prague Lisbon Dublin Athens Boston Chicago Hamburg Munich Zurich "
    "Geneva Milan Seoul Sydney Toronto Mumbai Cairo Lima Kyoto Osaka Helsinki Warsaw Budapest Stockholm Seattle Denver "
    "Miami Dallas Porto Lyon Nice Bern Graz Bergen Malmo Krakow Gdansk Naples Turin Venice Florence Seville Valencia "
    "Barcelona Brussels Antwerp Amsterdam Rotterdam Utrecht Leipzig Dresden Cologne Bonn Basel Beijing Moscow Nairobi "
    "Istanbul Bangkok Singapore Delhi Austin Houston Montreal Vancouver Melbourne Auckland".split()
)
CITIES += (
    "New York",
    "San Francisco",
    "Los Angeles",
    "Buenos Aires",
    "Mexico City",
    "Hong Kong",
    "Cape Town",
    "Rio de Janeiro",
)

ANIMALS = tuple("cat dog fox bear rabbit mouse owl horse turtle dragon robot penguin squirrel frog wolf duck".split())
FRUITS = tuple("apple banana cherry grape lemon mango orange peach pear plum".split())
HOBBIES = tuple(
    "reading cooking painting swimming running chess music gardening hiking photography dancing sailing".split()
)
FOODS = tuple("pizza pasta soup rice bread cheese salad chocolate sushi pancakes apples noodles curry".split())
JOBS = tuple("teacher doctor baker nurse pilot farmer engineer writer painter student driver cook".split())
PLAIN_COLOURS = tuple("red blue green yellow purple orange pink black white brown".split())

HELLO = _pairs("""
Japanese:こんにちは; Chinese:你好; Korean:안녕하세요; Russian:Привет; Greek:Γειά σου; Arabic:مرحبا; Hindi:नमस्ते; Hebrew:שלום; Thai:สวัสดี;
Spanish:¡Hola!; French:Bonjour; German:Hallo; Italian:Ciao; Portuguese:Olá; Polish:Cześć; Czech:Ahoj; Turkish:Merhaba;
Swedish:Hej; Finnish:Hei; Ukrainian:Привіт; Vietnamese:Xin chào; Dutch:Hallo; Hungarian:Szia; Norwegian:Hei
""")
THANKS = _pairs("""
Japanese:ありがとう; Chinese:谢谢; Korean:감사합니다; Russian:Спасибо; Greek:Ευχαριστώ; Arabic:شكرا; Spanish:Gracias; French:Merci;
German:Danke schön; Italian:Grazie; Portuguese:Obrigado; Polish:Dziękuję; Czech:Děkuji; Turkish:Teşekkürler; Swedish:Tack;
Finnish:Kiitos
""")
EMOJI = _pairs("""
heart:❤️; smile:😀; smiley:😀; smiling face:😀; rocket:🚀; star:⭐; cat:🐱; dog:🐶; fire:🔥; sun:☀️; pizza:🍕; party:🎉; horse:🐴; tree:🌳;
thumbs up:👍; rainbow:🌈; flower:🌸; moon:🌙; apple:🍎; fish:🐟; robot:🤖; wave:👋
""")
