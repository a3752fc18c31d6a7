# Python's own suite, the modules about processes and what they need. Package: libpython3.11-testsuite.
modules=${*:-"test_subprocess test_os test_posix test_signal test_threading test_thread test_multiprocessing_fork test_multiprocessing_spawn
	test_multiprocessing_forkserver test_concurrent_futures test_pty test_select test_selectors test_mmap test_fcntl test_resource test_posixpath test_tempfile
	test_shutil test_venv"}
# shellcheck disable=SC2086
python3 /suite/python.py /out/python.log "${SUITE_SECONDS:-1800}" $modules
