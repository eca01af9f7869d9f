import CCrypto

/// SHA-1 (FIPS 180-4) that knows messages made to collide.
///
/// The compression function is libcrypto's, which uses the processor's own instructions; all state is in the value. Each
/// block is searched for the traces of a collision attack before (`SHA1Disturbances`).
struct SHA1 {
  private var context = SHA_CTX()
  private var length = 0
  /// Whether a block so far ended an attack: another one leads to the same state.
  private(set) var isAttacked = false

  static let blockSize = 64

  init() { SHA1_Init(&context) }

  mutating func update(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    let filled = length % Self.blockSize
    length += bytes.count
    if filled > 0 {
      let taken = min(Self.blockSize - filled, rest.count)
      buffer(UnsafeRawBufferPointer(rebasing: rest[..<taken]), at: filled)
      rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
      guard filled + taken == Self.blockSize else { return }
      absorbBuffer()
    }
    while rest.count >= Self.blockSize {
      absorb(UnsafeRawBufferPointer(rebasing: rest[..<Self.blockSize]))
      rest = UnsafeRawBufferPointer(rebasing: rest[Self.blockSize...])
    }
    buffer(rest, at: 0)
  }

  /// Adds the padding. Then `state` is the hash.
  mutating func finish() {
    let filled = length % Self.blockSize
    let bits = UInt64(length) << 3
    withUnsafeMutableBytes(of: &context.data) { buffer in
      buffer[filled] = 0x80
      UnsafeMutableRawBufferPointer(rebasing: buffer[(filled + 1)...]).initializeMemory(as: UInt8.self, repeating: 0)
    }
    if filled >= Self.blockSize - 8 {
      absorbBuffer()
      withUnsafeMutableBytes(of: &context.data) { _ = $0.initializeMemory(as: UInt8.self, repeating: 0) }
    }
    withUnsafeMutableBytes(of: &context.data) {
      $0.storeBytes(of: bits.bigEndian, toByteOffset: Self.blockSize - 8, as: UInt64.self)
    }
    absorbBuffer()
  }

  var state: SHA1State { SHA1State(context.h0, context.h1, context.h2, context.h3, context.h4) }

  private mutating func buffer(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
    withUnsafeMutableBytes(of: &context.data) {
      UnsafeMutableRawBufferPointer(rebasing: $0[offset...]).copyMemory(from: bytes)
    }
  }

  private mutating func absorbBuffer() {
    let block = context.data
    withUnsafeBytes(of: block) { absorb($0) }
  }

  private mutating func absorb(_ block: UnsafeRawBufferPointer) {
    withUnsafeTemporaryAllocation(byteCount: 320, alignment: 16) { memory in
      guard let words = memory.bindMemory(to: UInt32.self).baseAddress else { return }
      SHA1Block.expand(block, into: words)
      let suspects = SHA1Disturbances.suspects(words)
      if suspects.isEmpty {
        SHA1_Transform(&context, block.baseAddress)
      } else {
        let before = state
        SHA1_Transform(&context, block.baseAddress)
        SHA1Block.expand(words, 68..<80)
        isAttacked = isAttacked || suspects.areAttack(on: words, from: before, to: state)
      }
    }
  }
}

/// The five words that go from step to step, and from block to block.
struct SHA1State: Equatable {
  var a, b, c, d, e: UInt32

  init(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32, _ e: UInt32) {
    (self.a, self.b, self.c, self.d, self.e) = (a, b, c, d, e)
  }

  static func &+ (left: Self, right: Self) -> Self {
    Self(left.a &+ right.a, left.b &+ right.b, left.c &+ right.c, left.d &+ right.d, left.e &+ right.e)
  }

  /// Does some of the 80 steps, each with its word of the message.
  @inline(__always)
  mutating func step(_ steps: Range<Int>, _ word: (Int) -> UInt32) {
    func round(_ mix: SHA1Mix, _ range: Range<Int>) {
      for index in steps.clamped(to: range) {
        let next = a.rotated(5) &+ mix(b, c, d) &+ e &+ word(index)
        (a, b, c, d, e) = (next, a, b.rotated(30), c, d)
      }
    }
    round(SHA1Round.one, 0..<20)
    round(SHA1Round.two, 20..<40)
    round(SHA1Round.three, 40..<60)
    round(SHA1Round.four, 60..<80)
  }

  /// Takes steps back.
  @inline(__always)
  mutating func stepBack(_ steps: Range<Int>, _ word: (Int) -> UInt32) {
    func round(_ mix: SHA1Mix, _ range: Range<Int>) {
      for index in steps.clamped(to: range).reversed() {
        let last = c.rotated(2)
        (a, b, c, d, e) = (b, last, d, e, a &- b.rotated(5) &- mix(last, d, e) &- word(index))
      }
    }
    round(SHA1Round.four, 60..<80)
    round(SHA1Round.three, 40..<60)
    round(SHA1Round.two, 20..<40)
    round(SHA1Round.one, 0..<20)
  }
}

private typealias SHA1Mix = (UInt32, UInt32, UInt32) -> UInt32

/// The functions of the four rounds with their constants (FIPS 180-4, 4.1.1 and 4.2.1).
private enum SHA1Round {
  static func one(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { (b & c | ~b & d) &+ 0x5a82_7999 }
  static func two(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { (b ^ c ^ d) &+ 0x6ed9_eba1 }
  static func three(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { (b & c | b & d | c & d) &+ 0x8f1b_bcdc }
  static func four(_ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 { (b ^ c ^ d) &+ 0xca62_c1d6 }
}

/// A block's words, and those that the message expansion makes of them.
enum SHA1Block {
  /// Computes the first 68 of the 80 words.
  @inline(__always)
  static func expand(_ block: UnsafeRawBufferPointer, into words: UnsafeMutablePointer<UInt32>) {
    for index in 0..<16 {
      words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }
    // In pieces that the compiler unrolls.
    expand(words, 16..<24)
    expand(words, 24..<32)
    words.withMemoryRebound(to: SIMD4<UInt32>.self, capacity: 20) { fours in
      // No loop: the compiler would take the fours apart.
      let eighth = expand(fours, 8, fours[6], fours[7])
      let ninth = expand(fours, 9, fours[7], eighth)
      let tenth = expand(fours, 10, eighth, ninth)
      let eleventh = expand(fours, 11, ninth, tenth)
      let twelfth = expand(fours, 12, tenth, eleventh)
      let thirteenth = expand(fours, 13, eleventh, twelfth)
      let fourteenth = expand(fours, 14, twelfth, thirteenth)
      let fifteenth = expand(fours, 15, thirteenth, fourteenth)
      _ = expand(fours, 16, fourteenth, fifteenth)
    }
  }

  /// Computes four words at once: the recurrence, put into itself, reaches back at least six.
  @inline(__always)
  private static func expand(
    _ fours: UnsafeMutablePointer<SIMD4<UInt32>>, _ index: Int, _ second: SIMD4<UInt32>, _ last: SIMD4<UInt32>
  ) -> SIMD4<UInt32> {
    let sixth = SIMD4(lowHalf: second.highHalf, highHalf: last.lowHalf)
    let mixed = fours[index - 8] ^ fours[index - 7] ^ fours[index - 4] ^ sixth
    fours[index] = mixed &<< 2 | mixed &>> 30
    return fours[index]
  }

  /// Computes words from those before.
  @inline(__always)
  static func expand(_ words: UnsafeMutablePointer<UInt32>, _ range: Range<Int>) {
    for index in range {
      words[index] = (words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]).rotated(1)
    }
  }
}

extension UInt32 {
  /// Rotates to the left.
  func rotated(_ count: UInt32) -> UInt32 { self &<< count | self &>> (32 &- count) }
}
