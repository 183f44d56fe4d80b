// Many plain websocket clients of one server: they connect, read frames, and count them.
//
//   fleet PORT PATH CLIENTS SMALLEST [deflate]
//
// Orders are lines on stdin, and each is answered by one line on stdout:
//   open          connect all clients; answers the seconds until all handshakes were answered
//   messages N    wait until each client has N messages in all; answers the seconds since `open`
//   stamp NS      wait until each client has got the stamp NS or a later one
//   report        MESSAGES STAMPS P50 P99 SIZE: since the last report; latencies in milliseconds
//                 of all stamps, and the bytes of the largest message
//   stall N       let N clients read nothing from now on
//
// A message is a text frame of at least SMALLEST bytes. A stamp is @NS@ in a message, with the
// nanoseconds of CLOCK_MONOTONIC at which it was made: merged messages carry several.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 18, AT_ONCE = 256, EVENTS = 512, HEAD = 1024 };

struct client {
  int fd, is_open, header_size, in_stamp;
  char header[14];
  uint64_t left, size, digits, last_stamp;
  uint64_t messages;
  char *head;  // the answer of the handshake; freed once it is read
  int head_size;
};

static struct client *clients;
static int count, opened, connected, poller;
static uint64_t smallest, messages, largest, stamps, capacity;
static uint32_t *latencies;  // microseconds
static char chunk[CHUNK];

static void fail(const char *what) {
  fprintf(stderr, "fleet: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void add_latency(uint64_t stamp) {
  uint64_t at = now(), took = at > stamp ? (at - stamp) / 1000 : 0;
  if (stamps == capacity) {
    capacity = capacity ? 2 * capacity : 1 << 16;
    latencies = realloc(latencies, capacity * sizeof *latencies);
    if (!latencies) fail("memory of latencies");
  }
  latencies[stamps++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
}

static void find_stamps(struct client *one, const char *data, size_t size) {
  const char *end = data + size;
  while (data < end) {
    if (!one->in_stamp) {
      data = memchr(data, '@', (size_t)(end - data));
      if (!data) return;
      one->in_stamp = 1, one->digits = 0, data++;
    } else if (*data >= '0' && *data <= '9') {
      one->digits = one->digits * 10 + (uint64_t)(*data++ - '0');
    } else {
      one->in_stamp = 0, data++;
      one->last_stamp = one->digits;
      add_latency(one->digits);
    }
  }
}

// A server's ping without a payload is answered by a pong with a mask of zeros.
static void answer_ping(const struct client *one) {
  static const char pong[6] = {(char)0x8A, (char)0x80};
  if (send(one->fd, pong, sizeof pong, MSG_NOSIGNAL) < 0) fail("pong");
}

static void read_frames(struct client *one, const char *data, size_t size) {
  while (size) {
    if (one->left) {
      size_t step = one->left < size ? (size_t)one->left : size;
      if (one->size >= smallest) find_stamps(one, data, step);
      data += step, size -= step, one->left -= step;
      if (!one->left && (one->header[0] & 15) == 1 && one->size >= smallest) {
        one->messages++, messages++;
        if (one->size > largest) largest = one->size;
      }
      continue;
    }
    one->header[one->header_size++] = *data++, size--;
    int kind = one->header_size < 2 ? 0 : one->header[1] & 127;
    int needed = kind < 126 ? 2 : kind == 126 ? 4 : 10;
    if (one->header_size < needed) continue;
    one->size = kind < 126 ? (uint64_t)kind : 0;
    for (int at = 2; at < needed; at++) one->size = one->size << 8 | (unsigned char)one->header[at];
    one->left = one->size, one->header_size = 0;
    if ((one->header[0] & 15) == 9) answer_ping(one);
  }
}

static void read_head(struct client *one, char *data, size_t size) {
  if (!one->head) one->head = malloc(HEAD);
  size_t used = 0;
  while (used < size && one->head_size < HEAD) {
    one->head[one->head_size++] = data[used++];
    if (one->head_size >= 4 && !memcmp(one->head + one->head_size - 4, "\r\n\r\n", 4)) {
      if (memcmp(one->head, "HTTP/1.1 101", 12)) break;
      free(one->head);
      one->head = NULL, one->is_open = 1, opened++;
      read_frames(one, data + used, size - used);
      return;
    }
  }
  if (one->head_size < 12 || !memcmp(one->head, "HTTP/1.1 101", 12)) {
    if (one->head_size < HEAD) return;
  }
  fprintf(stderr, "fleet: expected a websocket, found %.*s\n", one->head_size, one->head);
  exit(1);
}

static void read_sockets(int milliseconds) {
  static struct epoll_event events[EVENTS];
  int ready = epoll_wait(poller, events, EVENTS, milliseconds);
  if (ready < 0 && errno != EINTR) fail("epoll");
  for (int at = 0; at < ready; at++) {
    struct client *one = events[at].data.ptr;
    ssize_t size = recv(one->fd, chunk, CHUNK, 0);
    if (size < 0 && errno == EAGAIN) continue;
    if (size <= 0) {
      if (size == 0) errno = ECONNRESET;
      fail("the server closed a connection");
    }
    if (one->is_open) read_frames(one, chunk, (size_t)size);
    else read_head(one, chunk, (size_t)size);
  }
}

static void open_clients(int port, const char *path, int deflates) {
  char request[HEAD];
  int size = snprintf(request, HEAD,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
      path, port, deflates
          ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "");
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  while (opened < count) {
    while (connected < count && connected - opened < AT_ONCE) {
      struct client *one = &clients[connected++];
      struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
      one->fd = socket(AF_INET, SOCK_STREAM, 0);
      if (one->fd < 0) fail("socket");
      if (connect(one->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
      if (send(one->fd, request, (size_t)size, 0) != size) fail("send");
      if (epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &event)) fail("epoll_ctl");
    }
    read_sockets(-1);
  }
}

static int all_have(int is_stamp, uint64_t value) {
  static int first;  // clients before it had all; orders only grow
  static uint64_t last;
  if (value != last) first = 0, last = value;
  while (first < count) {
    if ((is_stamp ? clients[first].last_stamp : clients[first].messages) < value) return 0;
    first++;
  }
  return 1;
}

static int compare(const void *left, const void *right) {
  uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
  return (a > b) - (a < b);
}

static void report(void) {
  if (stamps) qsort(latencies, stamps, sizeof *latencies, compare);
  double p50 = stamps ? latencies[stamps / 2] / 1000.0 : 0;
  double p99 = stamps ? latencies[stamps * 99 / 100] / 1000.0 : 0;
  printf("%llu %llu %.3f %.3f %llu\n", (unsigned long long)messages, (unsigned long long)stamps, p50,
         p99, (unsigned long long)largest);
  messages = stamps = 0;
}

int main(int arguments, char **values) {
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  if (arguments < 5) return 2;
  int port = atoi(values[1]), deflates = arguments > 5;
  count = atoi(values[3]), smallest = strtoull(values[4], NULL, 10);
  clients = calloc((size_t)count, sizeof *clients);
  poller = epoll_create1(0);
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t begin = now();
  char line[256];
  int is_waiting = 0, is_stamp = 0, at = 0;
  uint64_t value = 0;
  for (;;) {
    struct pollfd ready[2] = {{.fd = 0, .events = POLLIN}, {.fd = poller, .events = POLLIN}};
    if (is_waiting && all_have(is_stamp, value)) {
      is_waiting = 0;
      printf("%.6f\n", (double)(now() - begin) / 1e9);
    }
    if (poll(ready, 2, -1) < 0 && errno != EINTR) fail("poll");
    if (ready[1].revents) read_sockets(0);
    if (!ready[0].revents) continue;
    ssize_t size = read(0, line + at, sizeof line - 1 - (size_t)at);
    if (size <= 0) return 0;
    at += (int)size;
    line[at] = 0;
    if (line[at - 1] != '\n') continue;
    at = 0;
    if (!strncmp(line, "open", 4)) {
      begin = now();
      open_clients(port, values[2], deflates);
      printf("%.6f\n", (double)(now() - begin) / 1e9);
    } else if (sscanf(line, "messages %llu", (unsigned long long *)&value) == 1) {
      is_waiting = 1, is_stamp = 0;
    } else if (sscanf(line, "stamp %llu", (unsigned long long *)&value) == 1) {
      is_waiting = 1, is_stamp = 1;
    } else if (!strncmp(line, "report", 6)) {
      report();
    } else if (sscanf(line, "stall %llu", (unsigned long long *)&value) == 1) {
      for (uint64_t one = 0; one < value && one < (uint64_t)count; one++)
        epoll_ctl(poller, EPOLL_CTL_DEL, clients[one].fd, NULL);
      puts("ok");
    } else {
      fprintf(stderr, "fleet: unknown order %s", line);
      return 2;
    }
  }
}
