/* Included before everything else: functions that no code of ours may call do not compile. */
#pragma once

#include <alloca.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#undef alloca
#pragma GCC poison strcpy strcat sprintf vsprintf strtok gets atoi atol atof alloca system popen
#pragma GCC poison tmpnam mktemp
