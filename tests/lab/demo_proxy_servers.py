# SPDX-License-Identifier: GPL-2.0-only
"""Servers behind the proxies, which know nothing of them: Debian's nginx and
OpenSSH, with configuration files of their own.
"""

import os

from harness.lab import run

WEB, SSH = 80, 22

NGINX = """\
daemon off;
master_process off;
user root;
pid {dir}/nginx.pid;
error_log {dir}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {data}/nginx;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 0;
    keepalive_timeout 1h;
    keepalive_requests 1000000;
    server {{
        {listen}
        root {data};
        location /download/ {{
            limit_rate {rate};
            sendfile on;
            sendfile_max_chunk 16k;     # often and little, not all at once
        }}
        location /upload/ {{
            dav_methods PUT;
        }}
        location = /echo {{
            default_type text/plain;
            return 200 "$arg_n\\n";
        }}
    }}
}}
"""

SSHD = """\
Port {port}
{listen}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/user_key.pub
AllowUsers root
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PermitUserRC no
PidFile none
ForceCommand /bin/cat
"""

SSH_CLIENT = """\
Host *
    User root
    IdentityFile {dir}/user_key
    IdentitiesOnly yes
    UserKnownHostsFile {dir}/known_hosts
    GlobalKnownHostsFile none
    HostKeyAlias server
    UpdateHostKeys no
    BatchMode yes
    RequestTTY no
"""

# sshd wants a directory of its own in /run, and an account that is not
# locked; both are made where nobody else sees them. As it is process 1 there,
# nobody whom it has let in outlives it.
SSHD_ROOM = """\
mount -t tmpfs tmpfs /run
mkdir -m 755 /run/sshd
mount --bind {dir}/shadow /etc/shadow
exec /usr/sbin/sshd -D -e -f {dir}/sshd_config
"""


def at(address):
    """As URLs and nginx write it."""
    return f"[{address}]" if ":" in address else address


def start_nginx(lab, ns, addresses, rate):
    """It serves lab.dir/data; `rate`: bytes a second of each download."""
    directory = lab.dir / "nginx"
    directory.mkdir()
    listen = "\n        ".join(f"listen {at(a)}:{WEB};" for a in addresses)
    config = lab.file("nginx.conf", NGINX.format(
        dir=directory, data=lab.dir / "data", listen=listen, rate=rate))
    return start(lab, ns, WEB, "/usr/sbin/nginx", "-e",
                 directory / "error.log", "-c", config)


def new_key(path):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f",
        path)
    return path.with_name(path.name + ".pub").read_text()


def start_sshd(lab, ns, addresses):
    """Who holds the key may have his own lines back. The client's
    configuration is in lab.dir/ssh/ssh_config."""
    directory = lab.dir / "ssh"
    directory.mkdir()
    host, _ = new_key(directory / "host_key"), new_key(directory / "user_key")
    listen = "\n".join(f"ListenAddress {at(a)}" for a in addresses)
    for name, text in (
            ("known_hosts", f"server {host}"),
            ("shadow", "root:*:19000:0:99999:7:::\n"),
            ("sshd_config", SSHD.format(port=SSH, listen=listen,
                                        dir=directory)),
            ("ssh_config", SSH_CLIENT.format(dir=directory))):
        (directory / name).write_text(text)
    (directory / "shadow").chmod(0o600)
    return start(lab, ns, SSH, "unshare", "--mount", "--pid", "--fork",
                 "--mount-proc", "--propagation", "private", "sh", "-ec",
                 SSHD_ROOM.format(dir=directory),
                 env={k: v for k, v in os.environ.items()
                      if not k.startswith("SSH_")})


def start(lab, ns, port, *argv, **options):
    server = lab.start(ns, *argv, **options)
    server.wait_for(lambda: ns.run("ss", "-Hltn", f"sport = :{port}").stdout,
                    f"it listens at port {port}")
    return server
