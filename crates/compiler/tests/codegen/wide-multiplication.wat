(module
  (memory 1)
  ;; The product of two i64 as toolchains write it, out of halves.
  (func $multi3 (export "multi3") (param i32 i64 i64 i64 i64) (local i64 i64)
    (i64.store offset=8 (local.get 0)
      (i64.add
        (i64.add
          (i64.add
            (i64.add
              (i64.mul (local.get 1) (local.get 4))
              (i64.mul (local.get 2) (local.get 3)))
            (i64.mul
              (i64.shr_u (local.get 3) (i64.const 32))
              (i64.shr_u (local.get 1) (i64.const 32))))
          (i64.shr_u
            (local.tee 6
              (i64.add
                (i64.shr_u
                  (local.tee 5
                    (i64.mul
                      (i64.and (local.get 3) (i64.const 0xffffffff))
                      (i64.and (local.get 1) (i64.const 0xffffffff))))
                  (i64.const 32))
                (i64.mul
                  (i64.shr_u (local.get 1) (i64.const 32))
                  (i64.and (local.get 3) (i64.const 0xffffffff)))))
            (i64.const 32)))
        (i64.shr_u
          (local.tee 6
            (i64.add
              (i64.and (local.get 6) (i64.const 0xffffffff))
              (i64.mul
                (i64.shr_u (local.get 3) (i64.const 32))
                (i64.and (local.get 1) (i64.const 0xffffffff)))))
          (i64.const 32))))
    (i64.store (local.get 0)
      (i64.or
        (i64.shl (local.get 6) (i64.const 32))
        (i64.and (local.get 5) (i64.const 0xffffffff)))))
  ;; ir: "i64.mul" "i64.mul" "i64.mul_wide_u" "i64.store" "i64.store" !"shr_u" !"shl" !"and"
  ;; x64: "imul" "imul" "mulx" "ret" !"shr"

  ;; The same by a factor of 32 bits.
  (func (export "short") (param i64) (result i64) (local i64 i64)
    (local.set 1 (i64.mul (i64.and (local.get 0) (i64.const 0xffffffff)) (i64.const 19)))
    (local.set 2
      (i64.add
        (i64.shr_u (local.get 1) (i64.const 32))
        (i64.mul (i64.shr_u (local.get 0) (i64.const 32)) (i64.const 19))))
    (i64.xor
      (i64.shr_u (local.get 2) (i64.const 32))
      (i64.or (i64.shl (local.get 2) (i64.const 32)) (i64.and (local.get 1) (i64.const 0xffffffff)))))
  ;; x64: "mulx" "xor" "ret" !"shr" !"shl"
)
