# The CMakeLists.txt of one prebuilt library: the folder's name is the library's.
get_filename_component(name "${CMAKE_CURRENT_SOURCE_DIR}" NAME)
set(library "${SCAFFOLD_TVM_LIBRARIES}/lib${name}${CMAKE_SHARED_LIBRARY_SUFFIX}")
set(CMAKE_CXX_CREATE_SHARED_LIBRARY "\"${CMAKE_COMMAND}\" -E copy \"${library}\" \"<TARGET>\"")
add_library(${name} SHARED EXCLUDE_FROM_ALL ../empty.cc)
set_target_properties(${name} PROPERTIES LINK_DEPENDS "${library}")
