# bash completion for pando(1)
_pando()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "run trace image help --version --help" -- "$cur"))
		return
	fi
	# What follows "--" is the guest's.
	for ((i = 2; i < COMP_CWORD; i++)); do
		[ "${COMP_WORDS[i]}" = -- ] && return
	done
	case ${COMP_WORDS[1]} in
	run | trace)
		case $prev in
		--accel) COMPREPLY=($(compgen -W "auto kvm tcg" -- "$cur")); return ;;
		-c | --cpus) COMPREPLY=($(compgen -W "1 2 3 4 5 6 7 8" -- "$cur")); return ;;
		-m | --memory) COMPREPLY=($(compgen -W "32M 64M 128M 256M 512M 1G 2G 4G" -- "$cur")); return ;;
		-e | --env) COMPREPLY=($(compgen -v -- "$cur")); return ;;
		--only) COMPREPLY=($(compgen -W "fork exec exit cow sched" -- "$cur")); return ;;
		--pid | --depth) return ;;
		-w | --workdir | -u | --user | --hostname | --timeout | --append) return ;;
		esac
		if [ "$prev" != --kernel ] && [ "${cur:0:1}" = - ]; then
			local more=
			[ "${COMP_WORDS[1]}" = trace ] && more="--steps --pid --depth --only --json --html --perfetto --lossless --lossy --raw --from"
			COMPREPLY=($(compgen -W "--memory --cpus --tty --interactive --env --workdir --user --hostname --timeout --kernel --append \
				--accel --init --root-disk --volume --verbose --help -m -c -t -i -e -w -u -v -- $more" -- "$cur"))
			return
		fi
		;;
	image)
		[ "${cur:0:1}" = - ] && { COMPREPLY=($(compgen -W "-o --output --include --mirror --minimal --verbose --help" -- "$cur")); return; }
		;;
	*) return ;;
	esac
	compopt -o filenames 2>/dev/null
	COMPREPLY=($(compgen -f -- "$cur"))
}
complete -F _pando pando
