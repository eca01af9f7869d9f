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
/// all vectors of a class, and one operation on a word of bits, one bit for each K, checks a relation for all of them.
struct SHA1Disturbances {
  /// Vectors I(K,0), I(K,2), II(K,0) and II(K,2) that are not ruled out: bit K-43 stands for K.
  let one, oneRotated, two, twoRotated: UInt64

  var isEmpty: Bool { one | oneRotated | two | twoRotated == 0 }

  /// The last word that `suspects` looks at, of the 80.
  static let lastWord = 64

  /// The vectors for which a block can have been made, by its expanded words.
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

/// Bits 0 to 7 and 24 to 31 of the expanded words 33 to 64, turned: bit `i - origin` of plane `b` is bit `b` of word `i`.
private struct BitPlanes {
  /// Below the first word by so much that a place before it still has a bit, which is 0.
  static let origin = 25

  /// Bytes 0 and 3 of eight words each: byte `b` of a group has bit `b` of its words.
  private let low, high: SIMD4<UInt64>

  @inline(__always)
  init(_ words: UnsafePointer<UInt32>) {
    let bytes = UnsafeRawPointer(words + 33)
    var low = SIMD4<UInt64>(), high = SIMD4<UInt64>()
    for group in 0..<4 {
      let eight = bytes.loadUnaligned(fromByteOffset: 32 * group, as: SIMD8<UInt32>.self)
      low[group] = unsafeBitCast(SIMD8<UInt8>(truncatingIfNeeded: eight), to: UInt64.self)
      high[group] = unsafeBitCast(SIMD8<UInt8>(truncatingIfNeeded: eight &>> 24), to: UInt64.self)
    }
    self.low = Self.turned(low)
    self.high = Self.turned(high)
  }

  @inline(__always)
  subscript(bit: Int) -> UInt64 {
    let groups = bit < 8 ? low : high
    let shift = UInt64(truncatingIfNeeded: bit % 8 * 8)
    var plane: UInt64 = 0
    for group in 0..<4 { plane |= (groups[group] &>> shift & 0xFF) &<< UInt64(8 + 8 * group) }
    return plane
  }

  /// Turns each lane, as a square of eight bytes of eight bits (Warren, "Hacker's Delight", 7-3).
  @inline(__always)
  private static func turned(_ square: SIMD4<UInt64>) -> SIMD4<UInt64> {
    var square = square
    swap(&square, 7, 0x00aa_00aa_00aa_00aa)
    swap(&square, 14, 0x0000_cccc_0000_cccc)
    swap(&square, 28, 0x0000_0000_f0f0_f0f0)
    return square
  }

  /// Swaps the masked bits with those that stand `distance` higher.
  @inline(__always)
  private static func swap(_ square: inout SIMD4<UInt64>, _ distance: UInt64, _ mask: UInt64) {
    let changes = (square ^ square &>> distance) & mask
    square ^= changes ^ changes &<< distance
  }
}
