(module
  (memory 1)
  (func (param v128 v128 i32) (result v128)
    (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31
      (i32x4.replace_lane 3 (local.get 0) (local.get 2))
      (v128.load8_lane 5 (local.get 2) (local.get 1))))
  ;;! has i32x4.replace_lane v0, v2 3
  ;;! has i32.load8_u v2
  ;;! has i8x16.replace_lane v1,
  ;;! has i8x16.shuffle
  ;;! has 0x1f0e0d0c0b0a09080706050403020100
  (func (param v128 i32) (v128.store16_lane 3 (local.get 1) (local.get 0)))
  ;;! body 1
  ;;! has i16x8.extract_lane_u v0 3
  ;;! has i32.store16 v1,
  (func (param i32) (result i32)
    (i8x16.extract_lane_s 0 (v128.not (v128.not (v128.load32_splat (local.get 0))))))
  ;;! body 2
  ;;! has v128.load32_splat v0
  ;;! has i8x16.extract_lane_s
  ;;! not v128.not
  (func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2)))
  ;;! body 3
  ;;! has f32x4.relaxed_madd v0, v1, v2
)
