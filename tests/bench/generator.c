// SPDX-License-Identifier: GPL-2.0-only
#include "generator.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define CLIENT4 "10.0.0.0" /* the low half becomes the flow */
#define CLIENT6 "2001:db8:c::"
#define TTL 64

/* Ones' complement sum of whole 16-bit words, in the order on the wire. */
static uint32_t sum16(const void *data, size_t size, uint32_t sum)
{
	const uint8_t *at = data;
	uint16_t word;
	size_t i;

	for (i = 0; i + 1 < size; i += 2) {
		memcpy(&word, at + i, sizeof(word));
		sum += word;
	}
	return sum;
}

/* Returns the sum of the addresses, for the pseudo header. */
static uint32_t template_ip(uint8_t *at, const struct addr *vip,
			    struct generator_config *c)
{
	uint16_t payload = c->size - FRAME_ETH - FRAME_IP(vip->family);
	struct addr client;

	addr_parse(&client, vip->family == 4 ? CLIENT4 : CLIENT6);
	if (vip->family == 4) {
		struct iphdr ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(ip) + payload),
			.frag_off = htons(0x4000), /* do not fragment */
			.ttl = TTL,
			.protocol = IPPROTO_TCP,
			.saddr = client.word[0],
			.daddr = vip->word[0],
		};

		c->ip_sum = sum16(&ip, sizeof(ip), 0);
		memcpy(at, &ip, sizeof(ip));
		return sum16(&ip.saddr, 8, 0);
	} else {
		struct ipv6hdr ip = {
			.version = 6,
			.payload_len = htons(payload),
			.nexthdr = IPPROTO_TCP,
			.hop_limit = TTL,
		};

		memcpy(&ip.saddr, client.word, 16);
		memcpy(&ip.daddr, vip->word, 16);
		memcpy(at, &ip, sizeof(ip));
		return sum16(&ip.saddr, 32, 0);
	}
}

/* The headers of flow 0 without its port; checksums are sums so far. */
static void make_template(struct generator_config *c, const struct addr *vip,
			  uint16_t port)
{
	uint16_t length = c->size - FRAME_ETH - FRAME_IP(vip->family);
	struct ethhdr eth = {
		.h_dest = { 2, 0, 0, 0, 0, 1 }, /* rewritten, never compared */
		.h_source = { 2, 0, 0, 0, 0, 2 },
		.h_proto = htons(vip->family == 4 ? ETH_P_IP : ETH_P_IPV6),
	};
	struct tcphdr tcp = {
		.dest = htons(port),
		.seq = htonl(1),
		.ack_seq = htonl(1),
		.doff = 5,
		.ack = 1,
		.window = htons(1000),
	};
	uint8_t *ip = (uint8_t *)c->words;
	uint32_t addresses;

	memcpy(c->eth, &eth, sizeof(eth));
	addresses = template_ip(ip, vip, c);
	memcpy(ip + FRAME_IP(vip->family), &tcp, sizeof(tcp));
	c->tcp_sum = sum16(&tcp, sizeof(tcp),
			   addresses + htons(IPPROTO_TCP) + htons(length));
}

int generator_load(struct generator *g, const char *objects,
		   const struct generator_spec *spec, int sinks)
{
	struct generator_config config = {
		.flows = spec->flows,
		.sequential = spec->sequential,
		.stamp = spec->stamp,
		.wait = spec->wait,
		.family = spec->vip.family,
		.size = spec->payload ? FRAME_HEADERS(spec->vip.family) +
						spec->payload
				      : FRAME_SIZE(spec->vip.family),
	};
	int err;

	make_template(&config, &spec->vip, spec->port);
	memset(g, 0, sizeof(*g));
	g->size = config.size;
	g->obj = bench_open(objects, "generator", &config, sizeof(config));
	if (!g->obj)
		return -EINVAL;
	if (sinks >= 0) {
		err = bpf_map__reuse_fd(
			bpf_object__find_map_by_name(g->obj, "sinks"), sinks);
		if (err)
			return bench_fail(err, "generator: map sinks");
	}
	err = bpf_object__load(g->obj);
	if (err)
		return bench_fail(err, "generator: load");
	g->program = bench_program(g->obj, "generator");
	g->under_test = bench_map(g->obj, "under_test");
	g->state = bench_map(g->obj, "state");
	return 0;
}

void generator_free(struct generator *g)
{
	bpf_object__close(g->obj);
	g->obj = NULL;
}

int generator_aim(const struct generator *g, int program)
{
	__u32 zero = 0;

	if (bpf_map_update_elem(g->under_test, &zero, &program, BPF_ANY))
		return bench_fail(-errno, "generator: program under test");
	return 0;
}

static int run(const struct generator *g, int ifindex, uint32_t repeat,
	       uint32_t flags)
{
	uint8_t frame[FRAME_MAX] = { 0 };
	struct xdp_md ctx = {
		.data_end = g->size,
		.ingress_ifindex = ifindex,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = g->size, .ctx_in = &ctx,
		    .ctx_size_in = sizeof(ctx), .repeat = repeat,
		    .flags = flags);

	if (bpf_prog_test_run_opts(g->program, &opts))
		return bench_fail(-errno, "generator: run");
	return 0;
}

static double cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int generator_time(const struct generator *g, int ifindex, uint32_t repeat,
		   double *ns)
{
	double start = cpu_ns();
	int err = run(g, ifindex, repeat, 0);

	if (ns)
		*ns = cpu_ns() - start;
	return err;
}

int generator_live(const struct generator *g, int ifindex, uint32_t repeat)
{
	return run(g, ifindex, repeat, BPF_F_TEST_XDP_LIVE_FRAMES);
}

int generator_sent(const struct generator *g, uint64_t *sent)
{
	int cpus = libbpf_num_possible_cpus();
	struct generator_state state[cpus];
	__u32 zero = 0;
	int i;

	if (bpf_map_lookup_elem(g->state, &zero, state))
		return bench_fail(-errno, "generator: state");
	*sent = 0;
	for (i = 0; i < cpus; i++)
		*sent += state[i].sequence;
	return 0;
}

int generator_reset(const struct generator *g)
{
	int cpus = libbpf_num_possible_cpus();
	struct generator_state state[cpus];
	__u32 zero = 0;
	int i, err;

	err = bpf_map_lookup_elem(g->state, &zero, state);
	for (i = 0; i < cpus; i++)
		state[i].sequence = 0; /* but the flows go on differing */
	if (!err)
		err = bpf_map_update_elem(g->state, &zero, state, BPF_ANY);
	return err ? bench_fail(-errno, "generator: state") : 0;
}
