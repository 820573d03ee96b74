/* Keep a copy of every byte that a process lets out, whichever way: LD_PRELOAD=tap.so TAP=FOLDER.
   One file a descriptor. What memory is shared with others (a screen) is not seen here. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void keep(int fd, const void *bytes, size_t count) {
    char path[4096];
    const char *folder = getenv("TAP");
    if (!folder || !count) return;
    snprintf(path, sizeof path, "%s/%d-%d", folder, (int)getpid(), fd);
    int copy = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (copy < 0) abort();
    if (syscall(SYS_write, copy, bytes, count) != (long)count) abort();
    syscall(SYS_close, copy);
}

static void keep_all(int fd, const struct iovec *parts, int count) {
    for (int i = 0; i < count; i++) keep(fd, parts[i].iov_base, parts[i].iov_len);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    keep(fd, bytes, count);
    return syscall(SYS_write, fd, bytes, count);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    keep(fd, bytes, count);
    return syscall(SYS_pwrite64, fd, bytes, count, at);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    keep_all(fd, parts, count);
    return syscall(SYS_writev, fd, parts, count);
}
ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    keep(fd, bytes, count);
    return syscall(SYS_sendto, fd, bytes, count, flags, NULL, 0);
}
ssize_t sendto(int fd, const void *bytes, size_t count, int flags, const struct sockaddr *to,
               socklen_t size) {
    keep(fd, bytes, count);
    return syscall(SYS_sendto, fd, bytes, count, flags, to, size);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    keep_all(fd, message->msg_iov, message->msg_iovlen);
    return syscall(SYS_sendmsg, fd, message, flags);
}
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *file) {
    keep(fileno(file), bytes, size * count);
    return fwrite_unlocked(bytes, size, count, file);
}
/* Ways out that nothing here takes, as far as is known: they end the test instead of a look. */
ssize_t sendfile(int out, int in, off_t *at, size_t count) { abort(); }
ssize_t sendfile64(int out, int in, off64_t *at, size_t count) { abort(); }
ssize_t splice(int in, off64_t *a, int out, off64_t *b, size_t n, unsigned flags) { abort(); }
