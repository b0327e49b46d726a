# SPDX-License-Identifier: GPL-2.0-only
# Completion of baton(8) for bash: source this file, or install it as
# /usr/share/bash-completion/completions/baton.

# Names of services, hosts or owners, asked of batond.
_baton_names()
{
	baton -t 1 -j "$1" show 2>/dev/null |
		grep -o '{"name": *"[^"]*"' | cut -d '"' -f 4
}

# What may follow the words, which do not include options.
_baton_candidates()
{
	local object=$1 verb=$2 previous=${*: -1}

	case $# in
	0)
		echo service host owner flow event stats status config \
			maintenance node reload proxy connection key \
			help
		return
		;;
	1)
		case $object in
		service) echo show add set del help ;;
		host) echo show add set del drain help ;;
		owner) echo show add set del failover failback plan replay capture drain help ;;
		flow) echo show set del help ;;
		event | stats | status) echo show watch help ;;
		config | node) echo show help ;;
		maintenance) echo show on off help ;;
		proxy) echo show drain help ;;
		connection) echo show help ;;
		key) echo show new help ;;
		esac
		return
		;;
	esac
	case $object.$verb.$previous in
	key.*)
		compgen -f
		;;
	flow.*.service | flow.*.owner | flow.*.host)
		_baton_names "$previous"
		;;
	flow.*.state)
		echo opening answered established closing closed
		;;
	flow.show.*)
		echo client port service owner host state confirmed \
			unconfirmed limit count
		;;
	flow.*)
		echo client port service owner
		;;
	proxy.drain.*)
		echo on off force
		;;
	event.show.*)
		echo last after
		;;
	maintenance.on.* | maintenance.off.*)
		_baton_names host
		;;
	owner.failover.to)
		_baton_names host
		;;
	owner.capture.file)
		compgen -f -- "$current"
		;;
	service.*.owners)
		_baton_names owner
		;;
	owner.*.host | owner.*.standbys)
		_baton_names host
		;;
	*)
		if [ $# -eq 2 ] && [ "$verb" != add ]; then
			_baton_names "$object"
		elif [ "$verb" = failover ]; then
			echo to force
		elif [ "$verb" = capture ]; then
			echo file
		elif [ "$verb" = failback ]; then
			echo force
		elif [ "$verb" = drain ]; then
			echo on off
		fi
		;;
	esac
}

_baton()
{
	local current=${COMP_WORDS[COMP_CWORD]} words=() i

	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | -b | -t | --socket | --bpffs | --timeout) ((i++)) ;;
		-*) ;;
		*) words+=("${COMP_WORDS[i]}") ;;
		esac
	done
	if [[ $current == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W '--socket --bpffs --timeout
			--json --pretty --all --color --version --help' \
			-- "$current")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W \
		"$(_baton_candidates "${words[@]}")" -- "$current")
}

complete -F _baton baton
