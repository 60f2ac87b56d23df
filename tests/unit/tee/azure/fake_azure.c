#include "fake_azure.h"

#include "util.h"
#include "vtpm/vtpm_tpm.h"

#include <signal.h>

#include <sys/mman.h>
#include <sys/wait.h>

void fake_azure_start(struct fake_azure *f, const char *name, struct azure_gen *g)
{
	struct vtpm_tpm *t;

	*f = (struct fake_azure){ 0 };
	swtpm_start(&f->tpm, name, "ca");
	f->shared = mmap(NULL, sizeof(*f->shared), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(f->shared != MAP_FAILED);
	key_free(g->ak);
	g->ak = fake_paravisor_make_ak(f->tpm.tcti, FAKE_AK_HANDLE);
	fake_paravisor_report(g);
	assert_ok(vtpm_tpm_open(f->tpm.tcti, &t));
	assert_ok(vtpm_tpm_nv_write(t, FAKE_HCL_REPORT_NV, buf_bytes(&g->hcl)));
	vtpm_tpm_free(t);
	fake_paravisor_start(f, g, swtpm_free_ports());
	fake_imds_start(f, g);
}

static void end_children(struct fake_azure *f)
{
	for (size_t i = 0; i < ARRAY_LEN(f->children); i++)
		if (f->children[i] > 0) {
			(void)kill(f->children[i], SIGKILL);
			(void)waitpid(f->children[i], NULL, 0);
		}
}

void fake_azure_restart(struct fake_azure *f, struct azure_gen *g)
{
	end_children(f);
	fake_paravisor_start(f, g, swtpm_free_ports());
	fake_imds_start(f, g);
}

void fake_azure_stop(struct fake_azure *f)
{
	end_children(f);
	swtpm_stop(&f->tpm);
	(void)munmap(f->shared, sizeof(*f->shared));
}
