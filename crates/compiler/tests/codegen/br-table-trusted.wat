;;! spectre = "n"
(module
  ;; Without a defence against speculation the index is compared, and the usual guess is that it is inside.
  (func (export "table") (param i32) (result i32)
    (block $a (block $b (block $c (block $d (br_table $a $b $c $d $a $b $c (local.get 0)))
      (return (i32.const 3))) (return (i32.const 7))) (return (i32.const 9))) (i32.const 1))
  ;; x64: "cmp edi,6" "jae" "lea r11" "add r11,[r11+rdi*8]" "jmp r11" !"cmova"
  ;; aarch64: "cmp w0, #0x6" "b.hs" "adr x17" "ldrsw x16, [x17, w0, uxtw #2]" "add x17, x17, x16" "br x17" !"csel"
)
