#define _GNU_SOURCE
#include "CBenchDNS.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define SLOT 1344
#define MAXIMUM_SOCKETS 16
/// Latencies are counted in steps of 1/16 of a power of two nanoseconds.
#define BINS 1024

int bench_own_network(void) {
  struct ifreq loopback = {.ifr_name = "lo", .ifr_flags = IFF_UP};
  if (unshare(CLONE_NEWNET) != 0) return -1;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int code = ioctl(fd, SIOCSIFFLAGS, &loopback);
  close(fd);
  return code;
}

void bench_die_with_parent(void) { prctl(PR_SET_PDEATHSIG, SIGKILL); }

int bench_pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  // A group of its own, before the others: with autogroups a priority counts only among the session's processes.
  setsid();
  FILE *group = fopen("/proc/self/autogroup", "w");
  if (group != NULL) {
    fputs("-19", group);
    fclose(group);
  }
  setpriority(PRIO_PROCESS, 0, -19);
  return sched_setaffinity(0, sizeof set, &set);
}

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct sockaddr_in loopback(uint16_t port) {
  return (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

// Load

struct client {
  int fd;
  uint32_t outstanding;
  uint16_t identifier;
  int64_t last_answer;
  int64_t sent_at[65536];
};

struct run {
  const struct bench_load *load;
  struct bench_result *result;
  struct client *clients;
  uint32_t next_query;
  uint32_t finished;
  struct mmsghdr headers[BATCH];
  struct iovec parts[BATCH];
  uint8_t received[BATCH][SLOT];
  uint8_t sending[BATCH * 512];
  uint64_t bins[BINS];
};

static int bin_of(int64_t nanoseconds) {
  if (nanoseconds < 16) return 0;
  int power = 63 - __builtin_clzll((uint64_t)nanoseconds);
  return power * 16 + (int)(nanoseconds >> (power - 4) & 15);
}

static int64_t value_of(int bin) { return (16LL + bin % 16) << (bin / 16 - 4); }

/// Sends `count` queries as one buffer that the kernel cuts (UDP_SEGMENT): half the cost of sendmmsg.
static void send_queries(struct run *run, struct client *client, uint32_t count, int64_t time) {
  const struct bench_load *load = run->load;
  for (uint32_t i = 0; i < count; i++) {
    uint8_t *query = run->sending + (size_t)i * load->query_length;
    memcpy(query, load->queries + (size_t)run->next_query * load->query_length, load->query_length);
    if (++run->next_query == load->query_count) run->next_query = 0;
    uint16_t identifier = ++client->identifier;
    query[0] = (uint8_t)(identifier >> 8);
    query[1] = (uint8_t)identifier;
    client->sent_at[identifier] = time;
  }
  if (send(client->fd, run->sending, (size_t)count * load->query_length, MSG_DONTWAIT) > 0) {
    client->outstanding += count;
    run->result->sent += count;
  }
}

static uint32_t receive_answers(struct run *run, struct client *client, int64_t time) {
  int count = recvmmsg(client->fd, run->headers, BATCH, MSG_DONTWAIT, NULL);
  if (count <= 0) return 0;
  for (int i = 0; i < count; i++) {
    const uint8_t *answer = run->received[i];
    if (!run->load->any && (answer[2] & 0x80) == 0) continue;
    run->result->answers++;
    if ((answer[3] & 15) != 0) run->result->failures++;
    if (run->load->rate != 0) {
      int64_t latency = time - client->sent_at[answer[0] << 8 | answer[1]];
      run->bins[bin_of(latency)]++;
    }
  }
  client->outstanding -= client->outstanding < (uint32_t)count ? client->outstanding : (uint32_t)count;
  client->last_answer = time;
  return (uint32_t)count;
}

/// As many queries under way as the windows allow.
static void saturate(struct run *run, int64_t start) {
  const struct bench_load *load = run->load;
  uint32_t chunk = load->window / 2;
  if (chunk > 32) chunk = 32;
  if (chunk == 0) chunk = 1;
  for (int64_t time = start; time < start + load->milliseconds * 1000000; time = now()) {
    if (load->once && run->result->sent >= load->query_count) {
      uint32_t waiting = 0;
      for (uint32_t i = 0; i < load->sockets; i++) waiting += run->clients[i].outstanding;
      if (waiting == 0) return;
    }
    for (uint32_t i = 0; i < load->sockets; i++) {
      struct client *client = &run->clients[i];
      receive_answers(run, client, time);
      // What was lost is given up after a while.
      if (client->outstanding > 0 && time - client->last_answer > (load->once ? 500000000 : 20000000)) {
        client->outstanding = 0;
        client->last_answer = time;
      }
      while (load->window - client->outstanding >= chunk &&
             !(load->once && run->result->sent >= load->query_count)) {
        uint32_t before = client->outstanding;
        send_queries(run, client, chunk, time);
        if (client->outstanding == before) break;
      }
    }
  }
}

/// A fixed number of queries per second, one by one, whatever comes back.
static void pace(struct run *run, int64_t start) {
  const struct bench_load *load = run->load;
  int64_t step = 1000000000 / load->rate, due = start;
  uint32_t turn = 0;
  for (int64_t time = start; time < start + load->milliseconds * 1000000; time = now()) {
    if (time >= due) {
      send_queries(run, &run->clients[turn], 1, time);
      turn = (turn + 1) % load->sockets;
      due += step;
    }
    for (uint32_t i = 0; i < load->sockets; i++) receive_answers(run, &run->clients[i], now());
  }
}

static int64_t quantile(const struct run *run, double share) {
  uint64_t total = 0, seen = 0;
  for (int i = 0; i < BINS; i++) total += run->bins[i];
  for (int i = 0; i < BINS; i++) {
    seen += run->bins[i];
    if ((double)seen >= share * (double)total && total > 0) return value_of(i);
  }
  return 0;
}

static int open_client(struct client *client, const struct bench_load *load) {
  struct sockaddr_in server = loopback(load->port);
  int room = 4 << 20, segment = (int)load->query_length;
  client->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (client->fd < 0) return -1;
  setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  if (setsockopt(client->fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) return -1;
  return connect(client->fd, (struct sockaddr *)&server, sizeof server);
}

int bench_run(const struct bench_load *load, struct bench_result *result) {
  struct run *run = calloc(1, sizeof *run);
  if (run == NULL || load->sockets > MAXIMUM_SOCKETS || load->query_length > 512) return -1;
  *result = (struct bench_result){0};
  run->load = load;
  run->result = result;
  run->clients = calloc(load->sockets, sizeof *run->clients);
  for (int i = 0; i < BATCH; i++) {
    run->parts[i] = (struct iovec){run->received[i], SLOT};
    run->headers[i].msg_hdr.msg_iov = &run->parts[i];
    run->headers[i].msg_hdr.msg_iovlen = 1;
  }
  int code = 0;
  int64_t start = now();
  for (uint32_t i = 0; i < load->sockets; i++) {
    if (open_client(&run->clients[i], load) != 0) code = -1;
    run->clients[i].last_answer = start;
  }
  if (code == 0) {
    start = now();
    if (load->rate != 0) pace(run, start);
    else saturate(run, start);
    result->nanoseconds = now() - start;
    result->median_latency = quantile(run, 0.5);
    result->p99_latency = quantile(run, 0.99);
  }
  for (uint32_t i = 0; i < load->sockets; i++) close(run->clients[i].fd);
  free(run->clients);
  free(run);
  return code;
}

// Servers

struct server {
  struct mmsghdr headers[BATCH];
  struct iovec parts[BATCH];
  struct sockaddr_in names[BATCH];
  uint8_t slots[BATCH][SLOT];
};

/// Receives batches, lets `turn` change each datagram (its new length, 0: none), sends them back.
static int serve(uint16_t port, unsigned (*turn)(uint8_t *bytes, unsigned length)) {
  struct server *server = calloc(1, sizeof *server);
  struct sockaddr_in own = loopback(port);
  int room = 1 << 20;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (server == NULL || fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof own) != 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      server->parts[i] = (struct iovec){server->slots[i], SLOT};
      server->headers[i].msg_hdr = (struct msghdr){.msg_name = &server->names[i],
                                                   .msg_namelen = sizeof server->names[i],
                                                   .msg_iov = &server->parts[i],
                                                   .msg_iovlen = 1};
    }
    int count = recvmmsg(fd, server->headers, BATCH, MSG_WAITFORONE, NULL);
    if (count < 0 && errno != EINTR) return -1;
    for (int i = 0; i < count; i++) {
      unsigned length = server->headers[i].msg_len;
      server->parts[i].iov_len = turn == NULL ? length : turn(server->slots[i], length);
    }
    if (count > 0) sendmmsg(fd, server->headers, (unsigned)count, 0);
  }
}

int bench_echo(uint16_t port) { return serve(port, NULL); }

static unsigned authority_turn(uint8_t *bytes, unsigned length) {
  static const uint8_t tail[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4};
  unsigned end = 12;
  while (end < length && bytes[end] != 0) end += 1u + bytes[end];
  end += 5;
  if (length < 12 || end > length || end > 300) return 0;
  int is_address = bytes[end - 4] == 0 && bytes[end - 3] == 1;
  bytes[2] = 0x84 | (bytes[2] & 1);
  bytes[3] = 0x80;
  memset(bytes + 6, 0, 6);
  if (!is_address) return end;
  bytes[7] = 1;
  memcpy(bytes + end, tail, sizeof tail);
  end += sizeof tail;
  uint8_t address[4] = {192, 0, 2, bytes[13]};
  memcpy(bytes + end, address, 4);
  return end + 4;
}

int bench_authority(uint16_t port) { return serve(port, authority_turn); }
