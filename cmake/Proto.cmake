# sharestream_proto(TARGET): compiles every proto/*.proto with protobuf-c into one library, included as <proto/NAME.pb-c.h>.
# Generated code lives in the build tree only and is compiled without our warnings (it is not clean under -Wcast-qual).
find_program(PROTOC_C protoc-c REQUIRED)
function(sharestream_proto target)
  file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.proto)
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(MAKE_DIRECTORY ${out}/proto)
  set(sources "")
  foreach(file ${files})
    get_filename_component(name ${file} NAME_WE)
    add_custom_command(
      OUTPUT ${out}/proto/${name}.pb-c.c ${out}/proto/${name}.pb-c.h
      COMMAND ${PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR} --c_out=${out} ${file}
      DEPENDS ${files})
    list(APPEND sources ${out}/proto/${name}.pb-c.c ${out}/proto/${name}.pb-c.h)
  endforeach()
  add_library(${target} STATIC ${sources})
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_link_libraries(${target} PUBLIC PkgConfig::protobuf-c)
endfunction()
