/* /proc/PID/net: the tables of a machine whose only interface is the loopback one. */
#include "fs/procfs.h"

#include "proc/ns.h"
#include "vfs/unix.h"

static int text(struct text *t, const char *s)
{
	text_puts(t, s);
	return 0;
}
static int show_dev(struct text *t, const struct proc_node *n)
{
	return text(t, "Inter-|   Receive                                                |  Transmit\n"
		       " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
		       "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n");
}
static int show_route(struct text *t, const struct proc_node *n)
{
	char line[] = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
	text_printf(t, "%-127s\n", line);
	return 0;
}
static int show_arp(struct text *t, const struct proc_node *n)
{
	return text(t, "IP address       HW type     Flags       HW address            Mask     Device\n");
}
static int show_tcp(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%-149s\n", "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode");
	return 0;
}
static int show_tcp6(struct text *t, const struct proc_node *n)
{
	return text(t, "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n");
}
static int show_udp(struct text *t, const struct proc_node *n)
{
	text_printf(t, "%-127s\n", "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops");
	return 0;
}
static bool put_socket(struct unix_socket *s, void *arg)
{
	struct text *t = arg;
	char *p = text_room(t, 256);
	if (p)
		t->len += (size_t)unix_line(s, p, 256);
	return p != NULL;
}
static int show_unix(struct text *t, const struct proc_node *n)
{
	struct nsproxy *p = task_nsproxy(n->task);
	text_puts(t, "Num       RefCount Protocol Flags    Type St Inode Path\n");
	if (p)
		unix_for_each(p->net, put_socket, t);
	nsproxy_put(p);
	return 0;
}

const struct proc_entry proc_net_dir[PROC_NET_NR] = {
	PROC_TEXT("arp", 0444, show_arp), PROC_TEXT("dev", 0444, show_dev), PROC_TEXT("route", 0444, show_route), PROC_TEXT("raw", 0444, show_udp),
	PROC_TEXT("tcp", 0444, show_tcp), PROC_TEXT("tcp6", 0444, show_tcp6), PROC_TEXT("udp", 0444, show_udp), PROC_TEXT("udp6", 0444, show_tcp6),
	PROC_TEXT("unix", 0444, show_unix),
};
