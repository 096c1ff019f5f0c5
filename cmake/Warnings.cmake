# One place for warnings; linked PRIVATE by our own targets only, never by generated code.
add_library(sharestream_warnings INTERFACE)
set(both -Wall -Wextra -Wshadow -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wimplicit-fallthrough)
set(only_c -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wswitch-enum)
if(SHARESTREAM_WERROR)
  list(APPEND both -Werror)
endif()
target_compile_options(sharestream_warnings INTERFACE ${both} $<$<COMPILE_LANGUAGE:C>:${only_c}>)
target_compile_definitions(sharestream_warnings INTERFACE _GNU_SOURCE)
