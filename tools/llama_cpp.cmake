# Included by CMake inside the project llama.cpp (CMAKE_PROJECT_llama.cpp_INCLUDE) when run.py builds llama-cpp-python.
# libllama-common serves llama.cpp's own command-line tools; neither libllama nor libmtmd uses it, and it is 57 of 193
# build steps, the slowest among them.
set(LLAMA_BUILD_COMMON OFF)
