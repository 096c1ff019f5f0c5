# cmake --install build/release --prefix /usr/local: the binaries (see sharestream_service), man pages, what the shell completes, and
# for systemd the units and their user.
include(GNUInstallDirs)
install(FILES docs/man/sharestream.1 docs/man/sharestream-engine.1 docs/man/sharestream-signal.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/sharestream.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/sharestreamd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES deploy/config.yaml DESTINATION share/doc/sharestream)
install(DIRECTORY deploy/prometheus deploy/grafana deploy/nginx deploy/haproxy deploy/caddy DESTINATION share/doc/sharestream)

set(BIN_DIR ${CMAKE_INSTALL_FULL_BINDIR})
file(GLOB units CONFIGURE_DEPENDS deploy/systemd/*.service.in)
foreach(unit ${units})
  get_filename_component(name ${unit} NAME_WLE)
  configure_file(${unit} ${CMAKE_BINARY_DIR}/units/${name} @ONLY)
endforeach()
set(SHARESTREAM_UNIT_DIR lib/systemd/system CACHE STRING "Where the units go")
install(DIRECTORY ${CMAKE_BINARY_DIR}/units/ deploy/systemd/sharestream-.service.d DESTINATION ${SHARESTREAM_UNIT_DIR})
install(FILES deploy/systemd/sharestream.target deploy/systemd/sharestream-http.socket DESTINATION ${SHARESTREAM_UNIT_DIR})
install(FILES deploy/systemd/sharestream.sysusers.conf DESTINATION lib/sysusers.d RENAME sharestream.conf)
