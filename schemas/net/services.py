"""What a server's port is known for. That is no proof of the protocol: anything may listen anywhere."""

from collections.abc import Iterator, Mapping
from typing import Final

# Of IANA's register of service names, by its own names.
_IANA: Final = """
ftp-data 20/tcp, ftp 21/tcp, ssh 22/tcp, telnet 23/tcp, smtp 25/tcp, time 37/tcp 37/udp, whois 43/tcp, tacacs 49/tcp,
domain 53/tcp 53/udp, bootps 67/udp, bootpc 68/udp, tftp 69/udp, gopher 70/tcp, finger 79/tcp, http 80/tcp 80/udp,
kerberos 88/tcp 88/udp, pop3 110/tcp, sunrpc 111/tcp 111/udp, ident 113/tcp, nntp 119/tcp, ntp 123/udp,
epmap 135/tcp, netbios-ns 137/udp, netbios-dgm 138/udp, netbios-ssn 139/tcp, imap 143/tcp, snmp 161/udp,
snmptrap 162/udp, bgp 179/tcp, irc 194/tcp, ldap 389/tcp 389/udp, https 443/tcp 443/udp, microsoft-ds 445/tcp,
kpasswd 464/tcp 464/udp, submissions 465/tcp, isakmp 500/udp, exec 512/tcp, login 513/tcp, shell 514/tcp,
syslog 514/udp, printer 515/tcp, submission 587/tcp, ipp 631/tcp, ldaps 636/tcp, domain-s 853/tcp 853/udp,
rsync 873/tcp, ftps 990/tcp, telnets 992/tcp, imaps 993/tcp, pop3s 995/tcp, socks 1080/tcp, openvpn 1194/tcp 1194/udp,
ms-sql-s 1433/tcp, ms-sql-m 1434/udp, pptp 1723/tcp, radius 1812/udp,
radius-acct 1813/udp, mqtt 1883/tcp, ssdp 1900/udp, nfs 2049/tcp 2049/udp, docker 2375/tcp,
docker-s 2376/tcp, etcd-client 2379/tcp, etcd-server 2380/tcp, iscsi-target 3260/tcp, mysql 3306/tcp,
ms-wbt-server 3389/tcp, stun 3478/tcp 3478/udp, svn 3690/tcp, epmd 4369/tcp, ipsec-nat-t 4500/udp, vxlan 4789/udp,
sip 5060/tcp 5060/udp, sips 5061/tcp, xmpp-client 5222/tcp, xmpp-server 5269/tcp, mdns 5353/udp, llmnr 5355/udp,
postgresql 5432/tcp, amqps 5671/tcp, amqp 5672/tcp, coap 5683/udp, rfb 5900/tcp, couchdb 5984/tcp, wsman 5985/tcp,
wsmans 5986/tcp, x11 6000/tcp, geneve 6081/udp, redis 6379/tcp, ircu 6667/tcp, ircs-u 6697/tcp,
afs3-fileserver 7000/tcp, http-alt 8080/tcp, git 9418/tcp, zabbix-agent 10050/tcp, zabbix-trapper 10051/tcp,
memcache 11211/tcp, secure-mqtt 8883/tcp, mongodb 27017/tcp
"""
# Where IANA has another name, or none, for what nearly everybody uses the port for.
_COMMON: Final = """
oracle 1521/tcp, l2tp 1701/udp, zookeeper 2181/tcp, https-alt 8443/tcp, kube-apiserver 6443/tcp, kubelet 10250/tcp,
kube-scheduler 10259/tcp, kube-controller-manager 10257/tcp, kube-proxy 10256/tcp, wireguard 51820/udp,
vxlan-linux 8472/udp, statsd 8125/udp, consul 8500/tcp, vault 8200/tcp, nats 4222/tcp, kafka 9092/tcp,
cassandra 9042/tcp, prometheus 9090/tcp, alertmanager 9093/tcp, node-exporter 9100/tcp, elasticsearch 9200/tcp,
elasticsearch-transport 9300/tcp, kibana 5601/tcp, beats 5044/tcp, fluentd 24224/tcp, otlp 4317/tcp, otlp-http 4318/tcp,
influxdb 8086/tcp, clickhouse 9000/tcp, rabbitmq-management 15672/tcp, minecraft 25565/tcp
"""


def _read(text: str) -> Iterator[tuple[tuple[str, int], str]]:
    for service in text.split(","):
        name, *ports = service.split()
        for each in ports:
            port, _, transport = each.partition("/")
            yield (transport, int(port)), name


SERVICES: Final[Mapping[tuple[str, int], str]] = {**dict(_read(_IANA)), **dict(_read(_COMMON))}  # by transport and port
