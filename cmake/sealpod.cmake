# The three shapes of target: a module's library, a program, a test.
find_package(PkgConfig REQUIRED)

# sealpod_pkg(TARGET PUBLIC|PRIVATE pkg...): link pkg-config packages as system headers.
function(sealpod_pkg target scope)
	foreach(pkg IN LISTS ARGN)
		string(MAKE_C_IDENTIFIER "pkg_${pkg}" var)
		if(NOT TARGET PkgConfig::${var})
			pkg_check_modules(${var} REQUIRED IMPORTED_TARGET GLOBAL ${pkg})
		endif()
		target_link_libraries(${target} ${scope} PkgConfig::${var})
	endforeach()
endfunction()

# sealpod_module(NAME x SOURCES a.c ... LIBS base ... PKG openssl ...)
# Static library of one folder: public headers in include/, private ones beside the sources.
function(sealpod_module)
	cmake_parse_arguments(M "" "NAME" "SOURCES;LIBS;PKG" ${ARGN})
	add_library(${M_NAME} STATIC ${M_SOURCES})
	target_include_directories(${M_NAME} PUBLIC include PRIVATE .)
	target_link_libraries(${M_NAME} PUBLIC ${M_LIBS})
	sealpod_pkg(${M_NAME} PRIVATE ${M_PKG})
endfunction()

# sealpod_program(NAME sealpod-x SOURCES main.c ... LIBS ... PKG ...)
function(sealpod_program)
	cmake_parse_arguments(P "" "NAME" "SOURCES;LIBS;PKG" ${ARGN})
	add_executable(${P_NAME} ${P_SOURCES})
	target_include_directories(${P_NAME} PRIVATE .)
	target_link_libraries(${P_NAME} PRIVATE ${P_LIBS})
	sealpod_pkg(${P_NAME} PRIVATE ${P_PKG})
	install(TARGETS ${P_NAME})
endfunction()

# sealpod_test(NAME unit_base_json SOURCES test_json.c LIBS base LABELS unit [PRIVATE base]
#   [PKG ...] [LINK_OPTIONS -Wl,--wrap=malloc] [ENV A=b ...])
# One cmocka program. PRIVATE names modules whose private headers the test may include.
function(sealpod_test)
	if(SEALPOD_HARDEN)
		return() # unit tests belong to the sanitized build
	endif()
	cmake_parse_arguments(T "" "NAME;TIMEOUT" "SOURCES;LIBS;LABELS;PRIVATE;PKG;LINK_OPTIONS;ENV" ${ARGN})
	add_executable(${T_NAME} ${T_SOURCES})
	target_link_libraries(${T_NAME} PRIVATE ${T_LIBS} test_util)
	sealpod_pkg(${T_NAME} PRIVATE cmocka ${T_PKG})
	foreach(module IN LISTS T_PRIVATE)
		target_include_directories(${T_NAME} PRIVATE ${CMAKE_SOURCE_DIR}/${module})
	endforeach()
	if(T_LINK_OPTIONS)
		target_link_options(${T_NAME} PRIVATE ${T_LINK_OPTIONS})
	endif()
	set(cost 0)
	if(T_TIMEOUT)
		set(cost ${T_TIMEOUT}) # what may take long starts first
	else()
		set(T_TIMEOUT 300) # ends what hangs; seconds of work take minutes where others work too
	endif()
	if(CMAKE_CROSSCOMPILING)
		math(EXPR T_TIMEOUT "${T_TIMEOUT} * 10") # an emulated processor is slow at cryptography
		list(APPEND T_ENV SEALPOD_FLIP_STEP=7) # and sees every 7th byte changed (tests/unit/util.h)
	endif()
	add_test(NAME ${T_NAME} COMMAND ${T_NAME})
	set_tests_properties(${T_NAME} PROPERTIES LABELS "${T_LABELS}" SKIP_RETURN_CODE 77
		TIMEOUT ${T_TIMEOUT} COST ${cost}
		ENVIRONMENT "SEALPOD_SOURCE=${CMAKE_SOURCE_DIR};SEALPOD_BIN=${CMAKE_BINARY_DIR}/bin;${T_ENV}")
endfunction()

# sealpod_fuzz(NAME json LIBS base [PRIVATE mod]): tests/fuzz/fuzz_json.c holds only
# LLVMFuzzerTestOneInput; ctest replays tests/fuzz/corpus/json/, the fuzz preset links libFuzzer.
function(sealpod_fuzz)
	if(SEALPOD_HARDEN)
		return()
	endif()
	cmake_parse_arguments(F "" "NAME" "LIBS;PRIVATE;PKG" ${ARGN})
	set(target fuzz_${F_NAME})
	set(source ${CMAKE_SOURCE_DIR}/tests/fuzz/${target}.c)
	if(SEALPOD_FUZZ)
		add_executable(${target} ${source})
		target_link_options(${target} PRIVATE -fsanitize=fuzzer)
	else()
		add_executable(${target} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
		add_test(NAME fuzz_replay_${F_NAME}
			COMMAND ${target} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${F_NAME})
		set_tests_properties(fuzz_replay_${F_NAME} PROPERTIES LABELS fuzz-replay TIMEOUT 120)
	endif()
	target_link_libraries(${target} PRIVATE ${F_LIBS})
	sealpod_pkg(${target} PRIVATE ${F_PKG})
	foreach(module IN LISTS F_PRIVATE)
		target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/${module})
	endforeach()
endfunction()
