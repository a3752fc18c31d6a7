deep:
	@for i in 1 2 3; do echo $$i; done | while read n; do echo "got $$n"; done
	@sh -c 'trap "echo trapped" USR1; kill -USR1 $$$$; exit 0'
