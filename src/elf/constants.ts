// The numbers of the ELF-64 object file format that relocatable objects use, spelled as in elf.h, and its layouts.

import { layout, type Layout } from "../base/index.ts";

export const ELFCLASS64 = 2;
export const ELFDATA2LSB = 1;
export const ELFDATA2MSB = 2;
export const EV_CURRENT = 1;
export const ET_REL = 1;
export const EM_BPF = 247;

export const SHT_NULL = 0;
export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_LLVM_ADDRSIG = 0x6fff4c03;

export const SHF_WRITE = 1;
export const SHF_ALLOC = 2;
export const SHF_EXECINSTR = 4;
export const SHF_INFO_LINK = 0x40;

export const SHN_UNDEF = 0;
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;

export const STB_LOCAL = 0;
export const STB_GLOBAL = 1;
export const STB_WEAK = 2;

export const STT_NOTYPE = 0;
export const STT_OBJECT = 1;
export const STT_FUNC = 2;
export const STT_SECTION = 3;
export const STT_FILE = 4;

export const STV_DEFAULT = 0;
export const STV_INTERNAL = 1;
export const STV_HIDDEN = 2;

/** The file header after e_ident. */
export const ELF64_EHDR: Layout<
  "e_type" | "e_machine" | "e_version" | "e_shoff" | "e_flags" | "e_ehsize" | "e_shentsize" | "e_shnum" | "e_shstrndx"
> = layout("Elf64_Ehdr", 64, {
  e_type: [16, "u16"],
  e_machine: [18, "u16"],
  e_version: [20, "u32"],
  e_shoff: [40, "u64"],
  e_flags: [48, "u32"],
  e_ehsize: [52, "u16"],
  e_shentsize: [58, "u16"],
  e_shnum: [60, "u16"],
  e_shstrndx: [62, "u16"],
});

export const ELF64_SHDR: Layout<
  | "sh_name"
  | "sh_type"
  | "sh_flags"
  | "sh_addr"
  | "sh_offset"
  | "sh_size"
  | "sh_link"
  | "sh_info"
  | "sh_addralign"
  | "sh_entsize"
> = layout("Elf64_Shdr", 64, {
  sh_name: [0, "u32"],
  sh_type: [4, "u32"],
  sh_flags: [8, "u64"],
  sh_addr: [16, "u64"],
  sh_offset: [24, "u64"],
  sh_size: [32, "u64"],
  sh_link: [40, "u32"],
  sh_info: [44, "u32"],
  sh_addralign: [48, "u64"],
  sh_entsize: [56, "u64"],
});

export const ELF64_SYM: Layout<"st_name" | "st_info" | "st_other" | "st_shndx" | "st_value" | "st_size"> = layout(
  "Elf64_Sym",
  24,
  {
    st_name: [0, "u32"],
    st_info: [4, "u8"],
    st_other: [5, "u8"],
    st_shndx: [6, "u16"],
    st_value: [8, "u64"],
    st_size: [16, "u64"],
  },
);

export const ELF64_REL: Layout<"r_offset" | "r_type" | "r_sym"> = layout("Elf64_Rel", 16, {
  r_offset: [0, "u64"],
  r_type: [8, "u32"],
  r_sym: [12, "u32"],
});
