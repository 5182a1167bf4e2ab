# The CMakeLists.txt of a TVM that is already built. Upstream takes it through its own TVM_ROOT.
#
# It has the targets that upstream's build refers to. The shared ones are "linked" by taking the library that is
# there, so that upstream's own rules for names, paths and dependencies stay in force.
#
#   SCAFFOLD_TVM_LIBRARIES   folder of libtvm_compiler and libtvm_runtime (libtvm before TileLang 0.1.10)
#   SCAFFOLD_TVM_FFI         libtvm_ffi, which TileLang's own code calls

foreach(objects IN ITEMS tvm_objs tvm_runtime_objs)
  add_library(${objects} OBJECT EXCLUDE_FROM_ALL empty.cc)
endforeach()

# One folder a library: the rule that makes a shared library is a variable of the folder.
foreach(name IN ITEMS tvm_runtime tvm_compiler tvm)
  if(EXISTS "${SCAFFOLD_TVM_LIBRARIES}/lib${name}${CMAKE_SHARED_LIBRARY_SUFFIX}")
    add_subdirectory(${name})
    target_link_libraries(${name} INTERFACE "${SCAFFOLD_TVM_FFI}")
  endif()
endforeach()
if(TARGET tvm_compiler)
  target_link_libraries(tvm_compiler PUBLIC tvm_runtime)
endif()
