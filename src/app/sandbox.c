/* SPDX-License-Identifier: Apache-2.0 */
#include "app/sandbox.h"

#include "policy/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Files ---- */

/* Rights over a file alone; a rule for a file may hold no others. */
#define READ_FILE LANDLOCK_ACCESS_FS_READ_FILE
#define WRITE_FILE (READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define READ_TREE (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE_TREE                                                                                                  \
        (WRITE_FILE | READ_TREE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |                        \
         LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR)
/* All rights that the first version knows: what is not granted below is refused. */
#define ALL_RIGHTS (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)

/* Read, where they are there: name resolution, certificates, time zones, our libraries and what OpenSSL and the
 * resolver load at need, and what the process says about itself. */
static const char *const readable[] = {
        "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf", "/etc/gai.conf", "/etc/services",
        "/etc/protocols", "/etc/localtime", "/etc/ld.so.cache", "/run/systemd/resolve", "/run/resolvconf",
        "/run/NetworkManager", "/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates", "/usr/share/zoneinfo", "/lib", "/lib64", "/usr/lib", "/usr/lib64",
        "/proc/self", "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/dev/urandom", "/dev/null",
};

/* ERR_OK also for a path that is not there. */
static enum err allow(int rules, const char *path, uint64_t tree_rights, struct err_note *note)
{
        struct stat st;
        int fd = *path ? open(path, O_PATH | O_CLOEXEC) : -1;
        if (fd < 0)
                return ERR_OK;
        bool is_tree = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
        struct landlock_path_beneath_attr rule = {
                .allowed_access = tree_rights & (is_tree ? UINT64_MAX : WRITE_FILE),
                .parent_fd = fd,
        };
        long failed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U);
        int code = errno;
        close(fd);
        return failed ? err_set(note, ERR_IO, "%s: Landlock takes no rule for it: %s", path, strerrordesc_np(code)) : ERR_OK;
}

/* A file that is rotated is replaced: its folder has to be readable, unless that is one of the system's. */
static enum err allow_rotated(int rules, const char *path, struct err_note *note)
{
        char folder[PATH_MAX];
        snprintf(folder, sizeof folder, "%s", path);
        char *slash = strrchr(folder, '/');
        bool is_deep = slash && slash != folder && memchr(folder + 1, '/', (size_t)(slash - folder - 1));
        if (is_deep)
                *slash = '\0';
        return allow(rules, is_deep ? folder : path, READ_TREE, note);
}

static enum err allow_upstream(int rules, const struct settings *settings, struct err_note *note)
{
        enum err err = allow_rotated(rules, settings->llm_ca_file, note);
        return err ? err : allow_rotated(rules, settings->llm_api_key_file, note);
}

/* Created when it is not there yet: Landlock's rules are for files that are. */
static enum err allow_appended(int rules, const char *path, struct err_note *note)
{
        int fd = *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
        if (*path && fd < 0)
                return err_set(note, ERR_IO, "%s: cannot be opened: %s", path, strerrordesc_np(errno));
        if (fd >= 0)
                close(fd);
        return allow(rules, path, WRITE_FILE, note);
}

/* Those that connectors.yaml names now; a policy that cannot be read is complained about where it is put in force. */
static enum err allow_connectors(int rules, const char *policy_dir, struct err_note *note)
{
        struct policy *policy;
        if (policy_load(*policy_dir ? policy_dir : NULL, &policy, NULL) != ERR_OK)
                return ERR_OK;
        const struct connectors_policy *all = &policy_facts(policy)->connectors;
        enum err err = ERR_OK;
        for (size_t i = 0; i < all->connector_count && !err; i++) {
                const struct connector_spec *spec = &all->connectors[i].spec;
                if (spec->secret_file.ptr)
                        err = allow_rotated(rules, spec->secret_file.ptr, note);
                if (!err && spec->ca_file.ptr)
                        err = allow_rotated(rules, spec->ca_file.ptr, note);
        }
        policy_unref(policy);
        return err;
}

static enum err allow_settings(int rules, const struct settings *settings, struct err_note *note)
{
        static const char *const variables[] = {"CREDENTIALS_DIRECTORY", "SSL_CERT_FILE", "SSL_CERT_DIR"};
        enum err err = allow(rules, settings->data_dir, WRITE_TREE, note);
        if (!err)
                err = allow(rules, settings->policy_dir, READ_TREE, note);
        if (!err)
                err = allow_rotated(rules, settings->encryption_key_file, note);
        if (!err)
                err = allow_appended(rules, settings->audit_checkpoint_file, note);
        if (!err)
                err = allow_connectors(rules, settings->policy_dir, note);
        if (!err)
                err = allow_upstream(rules, settings, note);
        for (size_t i = 0; !err && i < settings->upstream_count; i++)
                err = allow_upstream(rules, settings->upstreams[i].settings, note);
        for (size_t i = 0; !err && i < sizeof variables / sizeof *variables; i++) {
                const char *path = getenv(variables[i]);
                err = allow(rules, path ? path : "", READ_TREE, note);
        }
        return err;
}

static enum err restrict_files(const struct settings *settings, const char **ret_state, struct err_note *note)
{
        const struct landlock_ruleset_attr handled = {.handled_access_fs = ALL_RIGHTS};
        int rules = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0U);
        if (rules < 0) {
                *ret_state = "this kernel has no Landlock";
                return ERR_OK;
        }
        enum err err = allow_settings(rules, settings, note);
        for (size_t i = 0; !err && i < sizeof readable / sizeof *readable; i++)
                err = allow(rules, readable[i], READ_TREE, note);
        if (!err && syscall(SYS_landlock_restrict_self, rules, 0U) != 0)
                err = err_set(note, ERR_IO, "Landlock: %s", strerrordesc_np(errno));
        close(rules);
        *ret_state = "landlock";
        return err;
}

/* ---- System calls ---- */

#define CALL(name) SCMP_SYS(name)

static const int calls[] = {
        /* memory and threads */
        CALL(brk), CALL(mmap), CALL(munmap), CALL(mprotect), CALL(madvise), CALL(mremap), CALL(mlock), CALL(mlock2),
        CALL(munlock), CALL(futex), CALL(set_robust_list), CALL(rseq), CALL(set_tid_address), CALL(exit),
        CALL(exit_group), CALL(sched_yield), CALL(sched_getaffinity), CALL(sched_getparam), CALL(sched_getscheduler),
        CALL(gettid), CALL(getpid), CALL(getppid), CALL(prctl), CALL(membarrier), CALL(getcpu),
        /* signals */
        CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn), CALL(rt_sigtimedwait), CALL(rt_sigpending),
        CALL(sigaltstack), CALL(tgkill), CALL(restart_syscall),
        /* files */
        CALL(open), CALL(openat), CALL(close), CALL(read), CALL(write), CALL(pread64), CALL(pwrite64), CALL(readv),
        CALL(writev), CALL(lseek), CALL(stat), CALL(fstat), CALL(lstat), CALL(newfstatat), CALL(statx), CALL(statfs),
        CALL(fstatfs), CALL(access), CALL(faccessat), CALL(faccessat2), CALL(fsync), CALL(fdatasync), CALL(ftruncate),
        CALL(fallocate), CALL(fadvise64), CALL(rename), CALL(renameat), CALL(renameat2), CALL(unlink), CALL(unlinkat),
        CALL(rmdir), CALL(mkdir), CALL(mkdirat), CALL(fcntl), CALL(flock), CALL(getdents64), CALL(getcwd),
        CALL(readlink), CALL(readlinkat), CALL(chmod), CALL(fchmod), CALL(fchmodat), CALL(fchown), CALL(umask),
        CALL(utimensat), CALL(dup), CALL(dup2), CALL(dup3), CALL(pipe2), CALL(ioctl),
        /* network */
        CALL(socketpair), CALL(bind), CALL(listen), CALL(accept), CALL(accept4), CALL(connect), CALL(getsockname),
        CALL(getpeername), CALL(setsockopt), CALL(getsockopt), CALL(sendto), CALL(recvfrom), CALL(sendmsg),
        CALL(recvmsg), CALL(sendmmsg), CALL(recvmmsg), CALL(shutdown), CALL(poll), CALL(ppoll), CALL(select),
        CALL(pselect6), CALL(epoll_create1), CALL(epoll_ctl), CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_pwait2),
        CALL(eventfd2),
        /* time, and what the C library asks about the system */
        CALL(clock_gettime), CALL(clock_getres), CALL(clock_nanosleep), CALL(nanosleep), CALL(gettimeofday), CALL(time),
        CALL(getrandom), CALL(uname), CALL(sysinfo), CALL(getuid), CALL(geteuid), CALL(getgid), CALL(getegid),
        CALL(getrlimit), CALL(prlimit64), CALL(getrusage), CALL(times),
};

/* Of the network only what the server speaks; netlink tells the resolver which addresses the machine has. */
static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};

static int add_rules(scmp_filter_ctx filter)
{
        int failed = 0;
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
                failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        for (size_t i = 0; i < sizeof families / sizeof *families; i++)
                failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(socket), 1, SCMP_A0(SCMP_CMP_EQ, families[i]));
        /* Threads, but no processes. What a filter cannot look into the C library does without. */
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, CALL(clone), 1,
                                   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
        failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), CALL(clone3), 0);
        return failed;
}

static enum err restrict_calls(const char **ret_state, struct err_note *note)
{
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        int failed = filter ? add_rules(filter) : -ENOMEM;
        if (!failed)
                failed = seccomp_load(filter);
        if (filter)
                seccomp_release(filter);
        if (failed == -EINVAL || failed == -ENOSYS) {
                *ret_state = "this kernel has no seccomp filters";
                return ERR_OK;
        }
        *ret_state = "seccomp";
        return failed ? err_set(note, ERR_IO, "seccomp: %s", strerrordesc_np(-failed)) : ERR_OK;
}

/* ---- All of it ---- */

/* Sanitizers and Valgrind make calls of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const bool is_possible = false;
#else
static const bool is_possible = true;
#endif

enum err sandbox_enter(const struct settings *settings, struct sandbox *ret_sandbox, struct err_note *note)
{
        const struct rlimit none = {0, 0};
        *ret_sandbox = (struct sandbox){"off", "off"};
        if (prctl(PR_SET_DUMPABLE, 0) != 0 || setrlimit(RLIMIT_CORE, &none) != 0)
                return err_set(note, ERR_IO, "core dumps cannot be switched off: %s", strerrordesc_np(errno));
        if (!settings->security_sandbox || !is_possible)
                return ERR_OK;
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
                return err_set(note, ERR_IO, "privileges cannot be given up: %s", strerrordesc_np(errno));
        enum err err = restrict_files(settings, &ret_sandbox->files, note);
        return err ? err : restrict_calls(&ret_sandbox->calls, note);
}
