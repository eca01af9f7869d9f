/// Search for the traces of attacks that make two messages with one SHA-1.
///
/// All known attacks follow one of 32 disturbance vectors, which say in which bits the 80 expanded words of the two messages'
/// blocks differ. Given one of the blocks and a vector, the other is known, and it is computed whether the two would end in
/// one state (Stevens, "Counter-Cryptanalysis", CRYPTO 2013). Bits of a block that is made for a vector stand in relations
/// that no attack avoids, so that this is needed for one block in twenty only (Stevens, Shumow, "Speeding up detection of
/// SHA-1 collision attacks using unavoidable attack conditions", USENIX Security 2017).
///
/// The relations are those of that paper, told by their place relative to K, the number of a vector in its class (Manuel,
/// "Classification and generation of disturbance vectors for collision attacks against SHA-1", 2011): then most are the same for
/// all vectors of a class, and one operation on a word of bits, one bit for each K, checks a relation for all of them. Those
/// that hold for the most are checked first.
struct SHA1Disturbances {
  /// Vectors I(K,0), I(K,2), II(K,0) and II(K,2) that are not ruled out: bit K-43 stands for K.
  let one, oneRotated, two, twoRotated: UInt64

  var isEmpty: Bool { one | oneRotated | two | twoRotated == 0 }

  /// The vectors for which a block can have been made, by its expanded words up to number 64.
  static func suspects(_ words: UnsafePointer<UInt32>) -> Self {
    let planes = BitPlanes(words)
    return Self(
      one: searchOne(planes), oneRotated: searchOneRotated(planes), two: searchTwo(planes),
      twoRotated: searchTwoRotated(planes))
  }

  /// I(43,0) to I(52,0).
  @inline(__always)
  private static func searchOne(_ planes: BitPlanes) -> UInt64 {
    var search = Search(planes, from: 43, to: 52)
    search.differ(4, at: -4, 29, at: -3, from: 43, to: 52)
    search.equal(29, at: -3, 4, at: -2, from: 43, to: 52)
    search.differ(4, at: -2, 29, at: -1, from: 43, to: 52)
    search.equal(29, at: -1, 4, at: 0, from: 43, to: 52)
    search.differ(4, at: 0, 29, at: 1, from: 43, to: 52)
    search.equal(29, at: 3, 29, at: 4, from: 43, to: 52)
    search.differ(4, at: -6, 4, at: -4, from: 43, to: 52)
    search.differ(29, at: 1, 29, at: 3, from: 43, to: 52)
    guard search.left != 0 else { return 0 }
    search.differ(4, at: -4, 29, at: -4, from: 44, to: 52)
    search.equal(4, at: -10, 29, at: -6, from: 45, to: 52)
    search.equal(29, at: -7, 29, at: -6, from: 47, to: 52)
    search.differ(0, at: 15, 5, at: 16, from: 43, to: 48)
    search.equal(29, at: -8, 29, at: -7, from: 48, to: 52)
    search.equal(4, at: -13, 29, at: -9, from: 48, to: 52)
    search.differ(4, at: -14, 4, at: -13, from: 50, to: 52)
    search.differ(1, at: 18, 6, at: 19, from: 43, to: 45)
    search.equal(5, at: 16, 30, at: 20, from: 43, to: 44)
    search.equal(3, at: -16, 28, at: -12, from: 51, to: 51)
    return search.left
  }

  /// I(46,2) to I(51,2).
  @inline(__always)
  private static func searchOneRotated(_ planes: BitPlanes) -> UInt64 {
    var search = Search(planes, from: 46, to: 51)
    search.differ(1, at: -11, 6, at: -10, from: 46, to: 51)
    search.differ(1, at: -7, 6, at: -6, from: 46, to: 51)
    search.equal(6, at: 0, 1, at: 1, from: 46, to: 51)
    search.equal(6, at: -6, 6, at: -4, from: 46, to: 51)
    search.equal(6, at: -4, 6, at: -2, from: 46, to: 51)
    search.equal(6, at: -2, 6, at: 0, from: 46, to: 51)
    guard search.left != 0 else { return 0 }
    search.differ(1, at: -14, 6, at: -13, from: 49, to: 51)
    search.equal(6, at: -10, 1, at: -9, from: 49, to: 51)
    search.differ(2, at: 15, 7, at: 16, from: 46, to: 48)
    search.equal(1, at: -14, 6, at: -14, from: 51, to: 51)
    search.equal(5, at: -16, 30, at: -12, from: 51, to: 51)
    return search.left
  }

  /// II(45,0) to II(56,0).
  @inline(__always)
  private static func searchTwo(_ planes: BitPlanes) -> UInt64 {
    var search = Search(planes, from: 45, to: 56)
    search.equal(29, at: -2, 29, at: -1, from: 45, to: 56)
    search.equal(29, at: -1, 29, at: 0, from: 45, to: 56)
    search.equal(4, at: -4, 29, at: -2, from: 45, to: 56)
    search.equal(4, at: -9, 29, at: -5, from: 45, to: 56)
    search.equal(4, at: 4, 29, at: 8, from: 45, to: 56)
    search.equal(29, at: -6, 29, at: -5, from: 46, to: 56)
    search.equal(4, at: 2, 29, at: 4, from: 45, to: 55)
    search.equal(29, at: -7, 29, at: -6, from: 47, to: 56)
    search.equal(29, at: 4, 29, at: 5, from: 45, to: 54)
    search.equal(3, at: -12, 28, at: -8, from: 47, to: 56)
    search.equal(4, at: -12, 29, at: -8, from: 47, to: 56)
    search.differ(4, at: 4, 29, at: 4, from: 45, to: 53)
    guard search.left != 0 else { return 0 }
    search.equal(29, at: 7, 29, at: 8, from: 45, to: 52)
    search.differ(30, at: -13, 3, at: -12, from: 48, to: 52)
    search.differ(4, at: -16, 4, at: -14, from: 52, to: 56)
    search.differ(4, at: -14, 29, at: -13, from: 53, to: 56)
    search.differ(0, at: 15, 5, at: 16, from: 45, to: 48)
    search.differ(4, at: -18, 4, at: -16, from: 54, to: 56)
    search.differ(4, at: -16, 29, at: -15, from: 55, to: 56)
    search.differ(4, at: -16, 29, at: -16, from: 56, to: 56)
    search.differ(1, at: 18, 6, at: 19, from: 45, to: 45)
    return search.left
  }

  /// II(46,2) and II(49,2) to II(51,2).
  @inline(__always)
  private static func searchTwoRotated(_ planes: BitPlanes) -> UInt64 {
    var search = Search(planes, from: 46, to: 51)
    search.leaveOut(from: 47, to: 48)
    search.differ(1, at: -10, 6, at: -9, from: 46, to: 51)
    search.differ(1, at: -5, 6, at: -4, from: 46, to: 51)
    search.equal(6, at: -4, 1, at: -3, from: 46, to: 51)
    search.differ(1, at: 1, 6, at: 2, from: 46, to: 51)
    search.equal(6, at: 4, 1, at: 5, from: 46, to: 51)
    search.equal(6, at: 2, 6, at: 4, from: 46, to: 51)
    guard search.left != 0 else { return 0 }
    search.differ(0, at: -13, 5, at: -12, from: 49, to: 51)
    search.equal(6, at: -9, 1, at: -8, from: 49, to: 51)
    search.equal(5, at: -12, 30, at: -8, from: 49, to: 51)
    search.differ(2, at: 15, 7, at: 16, from: 46, to: 46)
    return search.left
  }
}

/// The vectors of a class that a block's bits do not rule out.
private struct Search {
  private let planes: BitPlanes
  /// Bit K-43 stands for K.
  private(set) var left: UInt64

  @inline(__always)
  init(_ planes: BitPlanes, from first: Int, to last: Int) {
    self.planes = planes
    left = Self.bits(first, last)
  }

  @inline(__always)
  mutating func leaveOut(from first: Int, to last: Int) { left &= ~Self.bits(first, last) }

  /// For K from `first` to `last`, bit `a` of word K+`place` and bit `b` of word K+`other` are the same.
  @inline(__always)
  mutating func equal(_ a: Int, at place: Int, _ b: Int, at other: Int, from first: Int, to last: Int) {
    left &= ~((bits(a, place) ^ bits(b, other)) & Self.bits(first, last))
  }

  /// They are not the same.
  @inline(__always)
  mutating func differ(_ a: Int, at place: Int, _ b: Int, at other: Int, from first: Int, to last: Int) {
    left &= bits(a, place) ^ bits(b, other) | ~Self.bits(first, last)
  }

  @inline(__always)
  private func bits(_ bit: Int, _ place: Int) -> UInt64 {
    planes[bit] &>> UInt64(truncatingIfNeeded: 43 &+ place &- BitPlanes.origin)
  }

  @inline(__always)
  private static func bits(_ first: Int, _ last: Int) -> UInt64 {
    (1 &<< UInt64(truncatingIfNeeded: last &- 42)) &- (1 &<< UInt64(truncatingIfNeeded: first &- 43))
  }
}

/// Bits 0 to 7 and 24 to 31 of the expanded words 32 to 64, turned: bit `i - origin` of plane `b` is bit `b` of word `i`.
struct BitPlanes {
  /// Below the first word by so much that a place before it still has a bit, which is 0.
  static let origin = 25

  /// Words 32 to 63: lane `b` has bit `b` of the first, and bit `24 + b` of the second.
  private let low, high: SIMD8<UInt32>
  private let last: UInt32

  @inline(__always)
  init(_ words: UnsafePointer<UInt32>) {
    let bytes = UnsafeRawPointer(words + 32)
    @inline(__always)
    func eight(_ group: Int) -> SIMD8<UInt32> { bytes.load(fromByteOffset: 32 * group, as: SIMD8<UInt32>.self) }
    low = Self.turned(
      SIMD8(truncatingIfNeeded: eight(0)), SIMD8(truncatingIfNeeded: eight(1)), SIMD8(truncatingIfNeeded: eight(2)),
      SIMD8(truncatingIfNeeded: eight(3)))
    high = Self.turned(
      SIMD8(truncatingIfNeeded: eight(0) &>> 24), SIMD8(truncatingIfNeeded: eight(1) &>> 24),
      SIMD8(truncatingIfNeeded: eight(2) &>> 24), SIMD8(truncatingIfNeeded: eight(3) &>> 24))
    last = words[64]
  }

  /// - Parameter bit: 0 to 7 or 24 to 31.
  @inline(__always)
  subscript(bit: Int) -> UInt64 {
    let plane = bit < 8 ? low[bit] : high[bit - 24]
    return UInt64(plane) &<< 7 | UInt64(last &>> UInt32(truncatingIfNeeded: bit) & 1) &<< 39
  }

  /// Turns 32 bytes of eight bits into eight words of 32.
  @inline(__always)
  private static func turned(
    _ a: SIMD8<UInt8>, _ b: SIMD8<UInt8>, _ c: SIMD8<UInt8>, _ d: SIMD8<UInt8>
  ) -> SIMD8<UInt32> {
    // Each 64 bits are a square to turn (Warren, "Hacker's Delight", 7-3).
    var squares = unsafeBitCast(
      SIMD32(lowHalf: SIMD16(lowHalf: a, highHalf: b), highHalf: SIMD16(lowHalf: c, highHalf: d)),
      to: SIMD4<UInt64>.self)
    swap(&squares, 7, 0x00aa_00aa_00aa_00aa)
    swap(&squares, 14, 0x0000_cccc_0000_cccc)
    swap(&squares, 28, 0x0000_0000_f0f0_f0f0)
    // Byte b of each belongs to word b.
    let bytes = unsafeBitCast(squares, to: SIMD32<UInt8>.self)
    var left = SIMD16<UInt8>(), right = SIMD16<UInt8>(), words = SIMD16<UInt16>()
    left.evenHalf = bytes.lowHalf.lowHalf
    left.oddHalf = bytes.lowHalf.highHalf
    right.evenHalf = bytes.highHalf.lowHalf
    right.oddHalf = bytes.highHalf.highHalf
    words.evenHalf = unsafeBitCast(left, to: SIMD8<UInt16>.self)
    words.oddHalf = unsafeBitCast(right, to: SIMD8<UInt16>.self)
    return unsafeBitCast(words, to: SIMD8<UInt32>.self)
  }

  /// Swaps the masked bits with those that stand `distance` higher.
  @inline(__always)
  private static func swap(_ squares: inout SIMD4<UInt64>, _ distance: UInt64, _ mask: UInt64) {
    let changes = (squares ^ squares &>> distance) & mask
    squares ^= changes ^ changes &<< distance
  }
}
