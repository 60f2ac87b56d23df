# Compiler settings for every target: language, warnings, hardening, sanitizers.
include(CheckCCompilerFlag)
include(CheckIPOSupported)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(SEALPOD_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(SEALPOD_HARDEN "hardening flags of the released programs" OFF)
option(SEALPOD_FUZZ "build the fuzz harnesses with libFuzzer (clang)" OFF)
option(SEALPOD_ANALYZE "gcc -fanalyzer" OFF)
option(SEALPOD_COVERAGE "gcov instrumentation" OFF)
option(SEALPOD_GUEST_ONLY "only base, crypto, tee, attestation and their tests (cross builds)" OFF)
option(SEALPOD_GUEST_PROGRAMS "only what a guest image runs (cross builds)" OFF)

function(sealpod_flags)
	foreach(flag IN LISTS ARGN)
		string(MAKE_C_IDENTIFIER "has${flag}" var)
		check_c_compiler_flag(${flag} ${var})
		if(${var})
			add_compile_options(${flag})
		endif()
	endforeach()
endfunction()

add_compile_options(-D_GNU_SOURCE -include ${CMAKE_SOURCE_DIR}/base/include/base/poison.h)
sealpod_flags(-Wall -Wextra -Werror -Wshadow -Wconversion -Wsign-conversion -Wcast-qual
	-Wcast-align=strict -Wformat=2 -Wformat-signedness -Wstrict-prototypes -Wmissing-prototypes
	-Wundef -Wvla -Walloca -Wswitch-enum -Wimplicit-fallthrough=5
	-Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init
	-Wbidi-chars=any -Wwrite-strings -Wredundant-decls -Wno-missing-field-initializers)
sealpod_flags(-fno-strict-overflow -fno-delete-null-pointer-checks -fno-common
	-fvisibility=hidden -fno-omit-frame-pointer
	-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)

if(SEALPOD_SANITIZE)
	add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all)
	add_link_options(-fsanitize=address,undefined)
endif()
if(SEALPOD_FUZZ)
	add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
	add_link_options(-fsanitize=address,undefined)
endif()
if(SEALPOD_COVERAGE)
	add_compile_options(--coverage)
	add_link_options(--coverage)
endif()
if(SEALPOD_ANALYZE)
	# Results are written only on success, and the analyzer does not know that what makes an error in
	# another file never returns OK: after every TRY() it takes results for NULL or unset. Memory that
	# moves into an object, or out of a queue.h list, it misjudges now and then: those it only reports.
	add_compile_options(-fanalyzer -Wno-analyzer-null-dereference -Wno-analyzer-null-argument
		-Wno-analyzer-use-of-uninitialized-value
		-Wno-error=analyzer-malloc-leak -Wno-error=analyzer-double-free)
endif()
if(SEALPOD_HARDEN)
	sealpod_flags(-Wnull-dereference -fstack-protector-strong -fstack-clash-protection
		-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr)
	if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
		sealpod_flags(-fcf-protection=full)
	endif()
	add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -ffunction-sections -fdata-sections)
	add_link_options(-pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,-z,defs
		-Wl,--as-needed -Wl,--gc-sections -Wl,--build-id=sha1)
	check_ipo_supported(RESULT ipo LANGUAGES C)
	set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ${ipo})
endif()
