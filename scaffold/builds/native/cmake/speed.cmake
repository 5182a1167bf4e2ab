# Included by upstream's CMakeLists.txt right after project(TILE_LANG), through CMAKE_PROJECT_TILE_LANG_INCLUDE:
# upstream's files stay as they are.
#
#   SCAFFOLD_NVRTC_INCLUDE   folder of an nvrtc.h, for a toolkit that came without one
#   SCAFFOLD_PRECOMPILE      headers to compile once for all of TileLang's sources
#   SCAFFOLD_GROUP_SIZE      so many sources are compiled as one; 1 or nothing: each alone
#   SCAFFOLD_ALONE           a file that lists sources which no other can be compiled with, a line each
#   SCAFFOLD_BARE            the same for sources that want no precompiled headers

if(SCAFFOLD_NVRTC_INCLUDE)
  include_directories(AFTER "${SCAFFOLD_NVRTC_INCLUDE}")
endif()

function(scaffold_speed)
  if(NOT TARGET tilelang_objs)
    message(WARNING "scaffold: no target tilelang_objs; it is compiled without the kit's speed-ups")
    return()
  endif()
  if(NOT SCAFFOLD_PRECOMPILE)
    return()
  endif()
  target_precompile_headers(tilelang_objs PRIVATE ${SCAFFOLD_PRECOMPILE})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${SCAFFOLD_ALONE}" "${SCAFFOLD_BARE}")
  file(STRINGS "${SCAFFOLD_ALONE}" alone)
  file(STRINGS "${SCAFFOLD_BARE}" bare)
  if(SCAFFOLD_GROUP_SIZE GREATER 1)
    set_target_properties(tilelang_objs PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP
      UNITY_BUILD_RELOCATABLE ON)
  endif()
  get_target_property(sources tilelang_objs SOURCES)
  set(position 0)
  foreach(source IN LISTS sources)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}" OUTPUT_VARIABLE path)
    cmake_path(RELATIVE_PATH path BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    if(path IN_LIST bare)
      set_source_files_properties("${source}" PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
    elseif(SCAFFOLD_GROUP_SIZE GREATER 1 AND NOT path IN_LIST alone)
      # It keeps its group whichever others are taken out, so that only the groups they leave are compiled again.
      math(EXPR group "${position} / ${SCAFFOLD_GROUP_SIZE}")
      set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "group${group}")
    endif()
    math(EXPR position "${position} + 1")
  endforeach()
endfunction()

cmake_language(DEFER CALL scaffold_speed)
