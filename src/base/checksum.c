/* base/checksum.c - CRC32C by instruction or by table; XXH3 from xxhash's header. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#define XXH_INLINE_ALL
#include <xxhash.h>
#pragma GCC diagnostic pop

/* One row for every value of four bits: the reflected polynomial 0x82F63B78. */
static const uint32_t nibbles[16] = {
    0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
    0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
};

static uint32_t crc_by_table(uint32_t crc, struct str octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        crc ^= (unsigned char)octets.at[i];
        crc = crc >> 4 ^ nibbles[crc & 15];
        crc = crc >> 4 ^ nibbles[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, struct str s)
{
    uint64_t wide = crc, word;

    for (; s.len >= sizeof(word); s = str_skip(s, sizeof(word))) {
        memcpy(&word, s.at, sizeof(word));
        wide = __builtin_ia32_crc32di(wide, word);
    }
    return crc_by_table((uint32_t)wide, s); /* the last few octets: the same sum either way */
}

static uint32_t crc_update(uint32_t crc, struct str octets)
{
    return __builtin_cpu_supports("sse4.2") ? crc_by_instruction(crc, octets)
                                            : crc_by_table(crc, octets);
}
#else
static uint32_t crc_update(uint32_t crc, struct str octets)
{
    return crc_by_table(crc, octets);
}
#endif

uint32_t checksum_crc32c(uint32_t before, struct str octets)
{
    return ~crc_update(~before, octets);
}

uint64_t checksum_xxh3(struct str octets)
{
    return XXH3_64bits(octets.at, octets.len);
}
