# What ./run builds: the binaries, no tests.
add_custom_target(programs)

# The three kinds of part. Each takes every .c (and .cpp) file of its own folder: a file that exists is built.

# sharestream_library(NAME USES ...): lib/NAME as target sharestream_NAME, included as "NAME/module.h".
function(sharestream_library name)
  cmake_parse_arguments(arg "" "" "USES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.c *.h)
  if(NOT sources)
    add_library(sharestream_${name} INTERFACE)
    target_include_directories(sharestream_${name} INTERFACE ${CMAKE_SOURCE_DIR}/lib)
    target_link_libraries(sharestream_${name} INTERFACE ${arg_USES})
    return()
  endif()
  add_library(sharestream_${name} STATIC ${sources})
  set_target_properties(sharestream_${name} PROPERTIES LINKER_LANGUAGE C)
  target_include_directories(sharestream_${name} PUBLIC ${CMAKE_SOURCE_DIR}/lib)
  target_link_libraries(sharestream_${name} PUBLIC ${arg_USES} PRIVATE sharestream_warnings)
endfunction()

# sharestream_service(NAME [ALONE] USES ...): everything but main.c becomes NAME_core, which unit tests link; main.c makes the binary.
# ALONE: without the skeleton of a service and what comes with it, such as ZeroMQ.
function(sharestream_service name)
  cmake_parse_arguments(arg "ALONE" "" "USES" ${ARGN})
  set(skeleton sharestream_svc)
  if(arg_ALONE)
    set(skeleton "")
  endif()
  file(GLOB sources CONFIGURE_DEPENDS *.c *.cpp *.h)
  list(REMOVE_ITEM sources ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
  add_library(${name}_core STATIC ${sources})
  set_target_properties(${name}_core PROPERTIES LINKER_LANGUAGE C)
  # For "quoted" includes only: a service's sched.h must not become the system's <sched.h>.
  target_compile_options(${name}_core PUBLIC "SHELL:-iquote ${CMAKE_CURRENT_SOURCE_DIR}")
  target_link_libraries(${name}_core PUBLIC ${skeleton} ${arg_USES} PRIVATE sharestream_warnings)
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/main.c)
    add_executable(${name} main.c)
    target_link_libraries(${name} PRIVATE ${name}_core sharestream_warnings)
    add_dependencies(programs ${name})
    install(TARGETS ${name})
  endif()
endfunction()

# sharestream_program(NAME USES ...): a plain binary of ours (supervisor, cli); same split, so that its cores can be tested.
function(sharestream_program name)
  sharestream_service(${name} ${ARGN})
endfunction()
