#include "shim.h"

#include <events.pb-c.h>
#include <fcntl.h>
#include <task.pb-c.h>

#include <base/file.h>
#include <net/pb.h>

static void publish(
	const struct task *p, const char *topic, const char *type, const ProtobufCMessage *m)
{
	events_publish(p->shim->c.events, topic, type, m);
}

void event_create(const struct task *p, const void *create_request)
{
	const Task__CreateTaskRequest *q = create_request;
	Events__TaskCreate m = EVENTS__TASK_CREATE__INIT;
	Events__TaskIO io = EVENTS__TASK_IO__INIT;

	io.stdin = p->in;
	io.stdout = p->out;
	io.stderr = p->err;
	io.terminal = p->terminal;
	m.container_id = p->id;
	m.bundle = p->bundle;
	m.rootfs = q->rootfs;
	m.n_rootfs = q->n_rootfs;
	m.io = &io;
	m.pid = p->pid;
	publish(p, "/tasks/create", "containerd.events.TaskCreate", &m.base);
}

void event_start(const struct task *p)
{
	Events__TaskStart start = EVENTS__TASK_START__INIT;
	Events__TaskExecStarted exec = EVENTS__TASK_EXEC_STARTED__INIT;

	if (p->exec_id[0]) {
		exec.container_id = p->id;
		exec.exec_id = p->exec_id;
		exec.pid = p->pid;
		publish(p, "/tasks/exec-started", "containerd.events.TaskExecStarted", &exec.base);
		return;
	}
	start.container_id = p->id;
	start.pid = p->pid;
	publish(p, "/tasks/start", "containerd.events.TaskStart", &start.base);
}

void event_exit(const struct task *p)
{
	Events__TaskExit m = EVENTS__TASK_EXIT__INIT;
	Pb__Timestamp at = timestamp_of(&p->exited_at);

	m.container_id = p->id;
	m.id = p->exec_id[0] ? p->exec_id : p->id;
	m.pid = p->pid;
	m.exit_status = (uint32_t)p->status;
	m.exited_at = &at;
	publish(p, "/tasks/exit", "containerd.events.TaskExit", &m.base);
}

void event_delete(const struct task *p)
{
	Events__TaskDelete m = EVENTS__TASK_DELETE__INIT;
	Pb__Timestamp at = timestamp_of(&p->exited_at);

	m.container_id = p->id;
	m.id = p->id;
	m.pid = p->pid;
	m.exit_status = (uint32_t)p->status;
	m.exited_at = &at;
	publish(p, "/tasks/delete", "containerd.events.TaskDelete", &m.base);
}

void event_exec_added(const struct task *p)
{
	Events__TaskExecAdded m = EVENTS__TASK_EXEC_ADDED__INIT;

	m.container_id = p->id;
	m.exec_id = p->exec_id;
	publish(p, "/tasks/exec-added", "containerd.events.TaskExecAdded", &m.base);
}

void event_paused(const struct task *p, bool paused)
{
	Events__TaskPaused is = EVENTS__TASK_PAUSED__INIT;
	Events__TaskResumed was = EVENTS__TASK_RESUMED__INIT;

	is.container_id = was.container_id = p->id;
	if (paused)
		publish(p, "/tasks/paused", "containerd.events.TaskPaused", &is.base);
	else
		publish(p, "/tasks/resumed", "containerd.events.TaskResumed", &was.base);
}

void event_oom(struct shim *s, const char *container_id)
{
	Events__TaskOOM m = EVENTS__TASK_OOM__INIT;
	AUTO(auto_free) char *path = NULL;
	AUTO(auto_close) int fd = -1;
	struct task *p;

	if (failed(task_find(s, container_id, "", &p)))
		return; /* the guest may name anything */
	m.container_id = p->id;
	publish(p, "/tasks/oom", "containerd.events.TaskOOM", &m.base);
	/* CRI-O takes no events and looks for this file. */
	if (p->bundle[0] && !failed(path_join(p->bundle, "oom", &path)))
		fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}
