;;! tier = "baseline"
;;! counters = "y"

(module
  (memory 1)
  (func $callee (export "callee") (param i32))

  ;; The counter is in a register while the loop goes round: loaded before it, where the function's start is counted as well, and stored behind.
  (func (export "short") (param $at i32)
    (loop $again
      (i32.store8 (local.get $at) (i32.const 0))
      (br_if $again (local.tee $at (i32.sub (local.get $at) (i32.const 1))))))
  ;; x64: "mov esi,[" "sub esi,64h" "jl" "sub esi,1Eh" "jl" "jne" "mov [" "esi" "ret" !"sub ["
  ;; aarch64: "adrp" "ldr w" "subs w" "#0x64" "b.mi" "subs w" "#0x1e" "b.mi" "cbnz" "str w" "ret"

  ;; Only the inner loop counts: each round of the outer one enters it. A way out in the middle stores behind the code.
  (func (export "nested") (param $at i32) (param $n i32) (local $i i32)
    (block $out
      (loop $outer
        (local.set $i (local.get $n))
        (loop $inner
          (br_if $out (i32.load8_u (local.get $at)))
          (local.set $at (i32.add (local.get $at) (i32.const 1)))
          (br_if $inner (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
        (br $outer))))
  ;; x64: "64h" "1Eh" "ret" "mov [" "jmp" !"sub ["

  ;; Each round calls: the counter stays where the callee may count, too.
  (func (export "calls") (param $i i32)
    (loop $again
      (call $callee (local.get $i))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  ;; x64: "mov r11d,64h" "sub [" "mov r11d,1Eh" "sub [" "call" "jne"

  ;; All registers are used in each round: it is in the frame.
  (func (export "wide") (param $a i32) (param $b i32) (param $c i32) (param $d i32) (param $e i32) (param $f i32) (param $g i32) (result i32)
    (loop $again
      (local.set $b (i32.add (i32.mul (local.get $b) (local.get $a)) (local.get $b)))
      (local.set $c (i32.add (i32.mul (local.get $c) (local.get $b)) (local.get $c)))
      (local.set $d (i32.add (i32.mul (local.get $d) (local.get $c)) (local.get $d)))
      (local.set $e (i32.add (i32.mul (local.get $e) (local.get $d)) (local.get $e)))
      (local.set $f (i32.add (i32.mul (local.get $f) (local.get $e)) (local.get $f)))
      (local.set $g (i32.add (i32.mul (local.get $g) (local.get $f)) (local.get $g)))
      (br_if $again (local.tee $a (i32.sub (local.get $a) (i32.and (local.get $a) (i32.const 7))))))
    (local.get $g))
  ;; x64: "mov r11d,[" "mov [rbp-10h],r11" "sub dword ptr [rbp-10h],1Eh" "js" "ret"

  ;; One local is used seldom: it makes room.
  (func (export "rare") (param $a i32) (param $b i32) (param $c i32) (param $d i32) (param $e i32) (param $f i32) (param $rare i32) (result i32)
    (loop $again
      (local.set $b (i32.add (i32.mul (local.get $b) (local.get $a)) (local.get $b)))
      (local.set $c (i32.add (i32.mul (local.get $c) (local.get $b)) (local.get $c)))
      (local.set $d (i32.add (i32.mul (local.get $d) (local.get $c)) (local.get $d)))
      (local.set $e (i32.add (i32.mul (local.get $e) (local.get $d)) (local.get $e)))
      (local.set $f (i32.add (i32.mul (local.get $f) (local.get $e)) (local.get $rare)))
      (br_if $again (local.tee $a (i32.sub (local.get $a) (i32.and (local.get $a) (i32.const 7))))))
    (i32.add (local.get $f) (local.get $rare)))
  ;; x64: "1Eh" "jl" "jne" "ret" !"js"

  ;; A call by way of a table notes its callee: one test for what is noted already and for what goes to several.
  (table 1 funcref)
  (func (export "noted") (param $at i32) (call_indirect (param i32) (local.get $at) (local.get $at)))
  ;; x64: "xor r11d,[" "add r11d,1" "jns" "ret" "sub r11d,1" "xor r11d,7FFFFFFFh" "cmovne r11d,r10d"
  ;; aarch64: "eor w" "adds w" "b.pl" "ret" "sub w" "eor w" "#0x7fffffff" "csel w"
)
