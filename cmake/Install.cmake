# cmake --install build/release --prefix /usr/local: the binaries (see sharestream_service), man pages and the systemd unit.
include(GNUInstallDirs)
install(FILES docs/man/sharestream.1 docs/man/sharestream-engine.1 docs/man/sharestream-signal.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES docs/man/sharestream.yaml.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES docs/man/sharestreamd.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES deploy/sharestreamd.service DESTINATION lib/systemd/system)
install(FILES deploy/config.yaml DESTINATION share/doc/sharestream)
install(DIRECTORY deploy/prometheus deploy/grafana deploy/nginx DESTINATION share/doc/sharestream)
