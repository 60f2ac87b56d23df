#include "ovmf_menu.h"
#include "secure_boot.h"
#include "td_events.h"

#include <tee/eventlog.h>

/* "QEMU FW CFG": the text of events that edk2 measures since 2025.05 for each of QEMU's files it
 * reads, in an order that is not published. */
static const char later_events[] = "QEMU FW CFG";

struct place {
	uint32_t rtmr, type;
	const char *what, *input;
};

static RESULT add(struct td_boot *b, struct place p, const struct digest_value *d)
{
	struct td_boot_event e = { .rtmr = p.rtmr, .type = p.type, .digest = *d, .input = p.input };

	(void)snprintf(e.what, sizeof(e.what), "%s", p.what);
	return td_boot_add(b, &e);
}

static RESULT add_data(struct td_boot *b, struct place p, struct bytes data)
{
	struct digest_value d = { 0 };

	TRY(digest(DIGEST_SHA384, data, &d));
	return add(b, p, &d);
}

static RESULT add_file(struct td_boot *b, const char *what, struct bytes file)
{
	struct digest_value d = { 0 };

	TRY(td_file_event(file, &d));
	return add(b, (struct place){ 0, EV_PLATFORM_CONFIG_FLAGS, what, "acpi" }, &d);
}

static RESULT add_action(struct td_boot *b, const char *text)
{
	return add_data(b, (struct place){ 1, EV_EFI_ACTION, text, "" }, bytes_str(text));
}

static RESULT add_separator(struct td_boot *b, uint32_t rtmr)
{
	static const uint8_t zero[4];

	return add_data(b, (struct place){ rtmr, EV_SEPARATOR, "separator", "" }, BYTES_OF(zero));
}

static bool contains(struct bytes in, struct bytes text)
{
	for (size_t at = 0; text.n <= in.n && at <= in.n - text.n; at++)
		if (in.p[at] == text.p[0] && bytes_equal(bytes_of(in.p + at, text.n), text))
			return true;
	return false;
}

static RESULT add_firmware(struct td_boot *b, const struct td_boot_inputs *in)
{
	struct digest_value hob = { 0 }, cfv = { 0 };

	TRY(td_hob_event(in, &hob));
	TRY(add(b, (struct place){ 0, EV_EFI_HANDOFF_TABLES2, "TD HOB", "firmware, memory" },
		&hob));
	TRY(td_cfv_event(in, &cfv));
	return add(b,
		(struct place){
			0, EV_EFI_PLATFORM_FIRMWARE_BLOB2, "configuration volume", "firmware" },
		&cfv);
}

static RESULT add_secure_boots(struct td_boot *b)
{
	for (size_t i = 0; i < SECURE_BOOT_VARIABLES; i++) {
		AUTO(buf_done) struct buf data = BUF_INIT(SECURE_BOOT_DATA_MAX);
		const struct place p = { 0, EV_EFI_VARIABLE_DRIVER_CONFIG, secure_boot_name(i),
			"" };
		/* A firmware built without Secure Boot has not even the variable. */
		TRY(secure_boot_data(i, BYTES_NONE, &data));
		TRY(add_data(b, p, buf_bytes(&data)));
	}
	return add_separator(b, 0);
}

static RESULT add_acpi(struct td_boot *b, const struct td_boot_inputs *in)
{
	TRY(add_file(b, "ACPI table loader", in->acpi_loader));
	TRY(add_file(b, "ACPI RSDP", in->acpi_rsdp));
	return add_file(b, "ACPI tables", in->acpi_tables);
}

static RESULT add_kernel(struct td_boot *b, const struct td_boot_inputs *in)
{
	struct digest_value d = { 0 };
	const struct place p = { 1, EV_EFI_BOOT_SERVICES_APPLICATION, "kernel (Authenticode)",
		in->kernel_patched ? "kernel, size of initrd, memory" : "kernel" };

	TRY(td_kernel_event(in, &d));
	return add(b, p, &d);
}

/* TDX firmware may hold a volume of drivers for other guests behind its DXE volume. */
static RESULT find_menu(const struct ovmf_volumes *v, struct buf *option)
{
	struct err e = ovmf_menu_option(v->dxe, option);

	if (e.code != ERR_NOT_FOUND || v->pei.n == 0)
		return e;
	buf_clear(option);
	return ovmf_menu_option(v->pei, option);
}

/* Of boot variables the value alone is hashed. An empty store holds one option: OVMF's menu. */
static RESULT add_boot_variables(struct td_boot *b, const struct ovmf_volumes *v)
{
	static const uint8_t order[] = { 0, 0 };
	AUTO(buf_done) struct buf option = BUF_INIT(OVMF_BOOT_OPTION_MAX);
	const struct place p = { 0, EV_EFI_VARIABLE_BOOT, "Boot0000", "firmware" };
	struct digest_value none = { 0 };

	TRY(add_data(
		b, (struct place){ 0, EV_EFI_VARIABLE_BOOT, "BootOrder", "" }, BYTES_OF(order)));
	struct err e = find_menu(v, &option);
	if (e.code == ERR_NOT_FOUND)
		return add(b, p, &none);
	TRY(e);
	return add_data(b, p, buf_bytes(&option));
}

static RESULT add_stub(struct td_boot *b, const struct td_boot_inputs *in)
{
	struct digest_value cmdline = { 0 }, initrd = { 0 };

	TRY(td_cmdline_event(in, &cmdline));
	TRY(add(b, (struct place){ 2, EV_EVENT_TAG, "command line", "append" }, &cmdline));
	if (in->initrd.n == 0)
		return OK;
	TRY(td_initrd_event(in, &initrd));
	return add(b, (struct place){ 2, EV_EVENT_TAG, "initrd", "initrd" }, &initrd);
}

static RESULT add_all(
	struct td_boot *b, const struct td_boot_inputs *in, const struct ovmf_volumes *v)
{
	TRY(add_firmware(b, in));
	TRY(add_secure_boots(b));
	TRY(add_acpi(b, in));
	TRY(add_kernel(b, in));
	TRY(add_boot_variables(b, v));
	TRY(add_action(b, "Calling EFI Application from Boot Option"));
	TRY(add_separator(b, 1));
	TRY(add_stub(b, in));
	TRY(add_action(b, "Exit Boot Services Invocation"));
	return add_action(b, "Exit Boot Services Returned with Success");
}

/* Firmware of which it is known that RTMR 0 has other events. */
static RESULT check_firmware(
	struct td_boot *b, const struct td_boot_inputs *in, const struct ovmf_volumes *v)
{
	struct bytes text = bytes_str(later_events);
	struct err e = td_check_store(in);

	if (e.code == ERR_UNSUPPORTED)
		td_boot_open(b, 0, err_text());
	else
		TRY(e);
	if (contains(in->firmware, text) || contains(buf_bytes(&v->unpacked), text))
		td_boot_open(b, 0, "firmware measures QEMU's files (edk2 2025.05)");
	return OK;
}

static RESULT read_volumes(const struct td_boot_inputs *in, struct ovmf_volumes *ret)
{
	struct tdvf t = { 0 };

	TRY(tdvf_parse(in->firmware, &t));
	for (size_t i = 0; i < t.n; i++) {
		const struct tdvf_section *s = &t.sections[i];
		if (s->type == TDVF_BFV)
			return ovmf_volumes_read(
				bytes_of(in->firmware.p + s->data_offset, s->raw_size), ret);
	}
	return err_new(ERR_UNSUPPORTED, "TDVF: no boot volume (BFV)");
}

RESULT td_boot_predict(const struct td_boot_inputs *in, struct td_boot *ret_boot)
{
	AUTO(ovmf_volumes_done) struct ovmf_volumes v = { 0 };
	AUTO(td_boot_done) struct td_boot b = { 0 };

	td_boot_init(&b);
	TRY(read_volumes(in, &v));
	TRY(check_firmware(&b, in, &v));
	TRY(add_all(&b, in, &v));
	*ret_boot = b;
	b = (struct td_boot){ 0 };
	return OK;
}
