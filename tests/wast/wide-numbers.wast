;; Sums with the result of an unsigned comparison, and products of 128 bits out of halves: ends of the ranges.
(module
  (func (export "add128") (param i64 i64 i64 i64) (result i64 i64) (local i64)
    (local.tee 4 (i64.add (local.get 0) (local.get 2)))
    (i64.add
      (i64.add (local.get 1) (local.get 3))
      (i64.extend_i32_u (i64.lt_u (local.get 4) (local.get 0)))))

  (func (export "sub128") (param i64 i64 i64 i64) (result i64 i64)
    (i64.sub (local.get 0) (local.get 2))
    (i64.sub
      (i64.sub (local.get 1) (local.get 3))
      (i64.extend_i32_u (i64.gt_u (local.get 2) (local.get 0)))))

  (func (export "count") (param i32 i32 i32) (result i32)
    (i32.add (local.get 0) (i32.lt_u (local.get 1) (local.get 2))))

  (func (export "count_not") (param i32 i32 i32) (result i32)
    (i32.add (local.get 0) (i32.ge_u (local.get 1) (local.get 2))))

  (func (export "discount_not") (param i64 i32) (result i64)
    (i64.sub (local.get 0) (i64.extend_i32_u (i32.gt_u (local.get 1) (i32.const 9)))))
  (memory 1)
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

  (func (export "short") (param i64) (result i64) (local i64 i64)
    (local.set 1 (i64.mul (i64.and (local.get 0) (i64.const 0xffffffff)) (i64.const 19)))
    (local.set 2
      (i64.add
        (i64.shr_u (local.get 1) (i64.const 32))
        (i64.mul (i64.shr_u (local.get 0) (i64.const 32)) (i64.const 19))))
    (i64.xor
      (i64.shr_u (local.get 2) (i64.const 32))
      (i64.or (i64.shl (local.get 2) (i64.const 32)) (i64.and (local.get 1) (i64.const 0xffffffff)))))
  (func (export "product") (param i64 i64 i64 i64) (result i64 i64)
    (call $multi3 (i32.const 8) (local.get 0) (local.get 1) (local.get 2) (local.get 3))
    (i64.load (i32.const 8))
    (i64.load (i32.const 16)))
)
(assert_return (invoke "add128" (i64.const 0x0) (i64.const 0x0) (i64.const 0x0) (i64.const 0x0)) (i64.const 0x0) (i64.const 0x0))
(assert_return (invoke "sub128" (i64.const 0x0) (i64.const 0x0) (i64.const 0x0) (i64.const 0x0)) (i64.const 0x0) (i64.const 0x0))
(assert_return (invoke "add128" (i64.const 0xffffffffffffffff) (i64.const 0x0) (i64.const 0x1) (i64.const 0x0)) (i64.const 0x0) (i64.const 0x1))
(assert_return (invoke "sub128" (i64.const 0xffffffffffffffff) (i64.const 0x0) (i64.const 0x1) (i64.const 0x0)) (i64.const 0xfffffffffffffffe) (i64.const 0x0))
(assert_return (invoke "add128" (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0x1) (i64.const 0x0)) (i64.const 0x0) (i64.const 0x0))
(assert_return (invoke "sub128" (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0x1) (i64.const 0x0)) (i64.const 0xfffffffffffffffe) (i64.const 0xffffffffffffffff))
(assert_return (invoke "add128" (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff)) (i64.const 0xfffffffffffffffe) (i64.const 0xffffffffffffffff))
(assert_return (invoke "sub128" (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff)) (i64.const 0x0) (i64.const 0x0))
(assert_return (invoke "add128" (i64.const 0x8000000000000000) (i64.const 0x5) (i64.const 0x8000000000000000) (i64.const 0x7)) (i64.const 0x0) (i64.const 0xd))
(assert_return (invoke "sub128" (i64.const 0x8000000000000000) (i64.const 0x5) (i64.const 0x8000000000000000) (i64.const 0x7)) (i64.const 0x0) (i64.const 0xfffffffffffffffe))
(assert_return (invoke "add128" (i64.const 0x5) (i64.const 0x6) (i64.const 0x7) (i64.const 0x8)) (i64.const 0xc) (i64.const 0xe))
(assert_return (invoke "sub128" (i64.const 0x5) (i64.const 0x6) (i64.const 0x7) (i64.const 0x8)) (i64.const 0xfffffffffffffffe) (i64.const 0xfffffffffffffffd))
(assert_return (invoke "count" (i32.const 0x5) (i32.const 0x1) (i32.const 0x2)) (i32.const 0x6))
(assert_return (invoke "count_not" (i32.const 0x5) (i32.const 0x1) (i32.const 0x2)) (i32.const 0x5))
(assert_return (invoke "count" (i32.const 0x5) (i32.const 0x2) (i32.const 0x1)) (i32.const 0x5))
(assert_return (invoke "count_not" (i32.const 0x5) (i32.const 0x2) (i32.const 0x1)) (i32.const 0x6))
(assert_return (invoke "count" (i32.const 0x5) (i32.const 0x2) (i32.const 0x2)) (i32.const 0x5))
(assert_return (invoke "count_not" (i32.const 0x5) (i32.const 0x2) (i32.const 0x2)) (i32.const 0x6))
(assert_return (invoke "count" (i32.const 0xffffffff) (i32.const 0x0) (i32.const 0xffffffff)) (i32.const 0x0))
(assert_return (invoke "count_not" (i32.const 0xffffffff) (i32.const 0x0) (i32.const 0xffffffff)) (i32.const 0xffffffff))
(assert_return (invoke "count" (i32.const 0x0) (i32.const 0xffffffff) (i32.const 0x0)) (i32.const 0x0))
(assert_return (invoke "count_not" (i32.const 0x0) (i32.const 0xffffffff) (i32.const 0x0)) (i32.const 0x1))
(assert_return (invoke "count" (i32.const 0xffffffff) (i32.const 0x3) (i32.const 0x3)) (i32.const 0xffffffff))
(assert_return (invoke "count_not" (i32.const 0xffffffff) (i32.const 0x3) (i32.const 0x3)) (i32.const 0x0))
(assert_return (invoke "discount_not" (i64.const 0x0) (i32.const 0x9)) (i64.const 0x0))
(assert_return (invoke "discount_not" (i64.const 0x0) (i32.const 0xa)) (i64.const 0xffffffffffffffff))
(assert_return (invoke "discount_not" (i64.const 0x5) (i32.const 0xffffffff)) (i64.const 0x4))
(assert_return (invoke "discount_not" (i64.const 0x5) (i32.const 0x0)) (i64.const 0x5))
(assert_return (invoke "product" (i64.const 0x8000000000000000) (i64.const 0xffffffffffffffff) (i64.const 0x2) (i64.const 0x0)) (i64.const 0x0) (i64.const 0xffffffffffffffff))
(assert_return (invoke "product" (i64.const 0x1) (i64.const 0x0) (i64.const 0x100000000) (i64.const 0x1)) (i64.const 0x100000000) (i64.const 0x1))
(assert_return (invoke "product" (i64.const 0x123456789abcdef0) (i64.const 0x0) (i64.const 0x0) (i64.const 0x0)) (i64.const 0x0) (i64.const 0x0))
(assert_return (invoke "product" (i64.const 0x1) (i64.const 0xffffffffffffffff) (i64.const 0x7fffffffffffffff) (i64.const 0x0)) (i64.const 0x7fffffffffffffff) (i64.const 0x8000000000000001))
(assert_return (invoke "product" (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0x1) (i64.const 0x0)) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff))
(assert_return (invoke "product" (i64.const 0x123456789abcdef0) (i64.const 0x0) (i64.const 0x1) (i64.const 0x0)) (i64.const 0x123456789abcdef0) (i64.const 0x0))
(assert_return (invoke "product" (i64.const 0x123456789abcdef0) (i64.const 0xffffffffffffffff) (i64.const 0x123456789abcdef0) (i64.const 0x0)) (i64.const 0xa5e20890f2a52100) (i64.const 0xef1710639939cdec))
(assert_return (invoke "product" (i64.const 0xffffffffffffffff) (i64.const 0x0) (i64.const 0x0) (i64.const 0x1)) (i64.const 0x0) (i64.const 0xffffffffffffffff))
(assert_return (invoke "product" (i64.const 0x7fffffffffffffff) (i64.const 0x0) (i64.const 0x2) (i64.const 0x1)) (i64.const 0xfffffffffffffffe) (i64.const 0x7fffffffffffffff))
(assert_return (invoke "product" (i64.const 0x100000000) (i64.const 0x0) (i64.const 0x2) (i64.const 0x0)) (i64.const 0x200000000) (i64.const 0x0))
(assert_return (invoke "product" (i64.const 0x8000000000000000) (i64.const 0x0) (i64.const 0x1) (i64.const 0x0)) (i64.const 0x8000000000000000) (i64.const 0x0))
(assert_return (invoke "product" (i64.const 0x123456789abcdef0) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff) (i64.const 0xffffffffffffffff)) (i64.const 0xedcba98765432110) (i64.const 0x0))
(assert_return (invoke "product" (i64.const 0x8000000000000000) (i64.const 0xffffffffffffffff) (i64.const 0xffffffff) (i64.const 0x1)) (i64.const 0x8000000000000000) (i64.const 0x7fffffff80000000))
(assert_return (invoke "product" (i64.const 0xfffffffffffffffe) (i64.const 0x0) (i64.const 0xffffffffffffffff) (i64.const 0x0)) (i64.const 0x2) (i64.const 0xfffffffffffffffd))
(assert_return (invoke "short" (i64.const 0x0)) (i64.const 0x0))
(assert_return (invoke "short" (i64.const 0x1)) (i64.const 0x13))
(assert_return (invoke "short" (i64.const 0x2)) (i64.const 0x26))
(assert_return (invoke "short" (i64.const 0xffffffffffffffff)) (i64.const 0xffffffffffffffff))
(assert_return (invoke "short" (i64.const 0xfffffffffffffffe)) (i64.const 0xffffffffffffffc8))
(assert_return (invoke "short" (i64.const 0x8000000000000000)) (i64.const 0x8000000000000009))
(assert_return (invoke "short" (i64.const 0x7fffffffffffffff)) (i64.const 0x7fffffffffffffe4))
(assert_return (invoke "short" (i64.const 0xffffffff)) (i64.const 0x12ffffffed))
(assert_return (invoke "short" (i64.const 0x100000000)) (i64.const 0x1300000000))
(assert_return (invoke "short" (i64.const 0x123456789abcdef0)) (i64.const 0x59e26af37c048bd1))
