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
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { words in
      guard let words = words.baseAddress else { return }
      SHA1Block.load(block, into: words)
      SHA1Block.expand(words, to: SHA1Disturbances.lastWord + 1)
      let suspects = SHA1Disturbances.suspects(words)
      if suspects.isEmpty {
        SHA1_Transform(&context, block.baseAddress)
      } else {
        let before = state
        SHA1_Transform(&context, block.baseAddress)
        SHA1Block.expand(words, to: 80)
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

  /// Does one of the 80 steps with its word of the message.
  mutating func step(_ index: Int, _ word: UInt32) {
    let next = a.rotated(5) &+ Self.mix(index, b, c, d) &+ e &+ word
    (a, b, c, d, e) = (next, a, b.rotated(30), c, d)
  }

  /// Takes a step back.
  mutating func stepBack(_ index: Int, _ word: UInt32) {
    let last = c.rotated(2)
    (a, b, c, d, e) = (b, last, d, e, a &- b.rotated(5) &- Self.mix(index, last, d, e) &- word)
  }

  /// The step's function and constant (FIPS 180-4, 4.1.1 and 4.2.1).
  private static func mix(_ index: Int, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 {
    switch index / 20 {
    case 0: (b & c | ~b & d) &+ 0x5a82_7999
    case 1: (b ^ c ^ d) &+ 0x6ed9_eba1
    case 2: (b & c | b & d | c & d) &+ 0x8f1b_bcdc
    default: (b ^ c ^ d) &+ 0xca62_c1d6
    }
  }
}

/// The message expansion.
enum SHA1Block {
  /// Reads a block's 16 words.
  static func load(_ block: UnsafeRawBufferPointer, into words: UnsafeMutablePointer<UInt32>) {
    for index in 0..<16 {
      words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
    }
  }

  /// Computes at least the first `end` of a block's 80 words from its first 16.
  static func expand(_ words: UnsafeMutablePointer<UInt32>, to end: Int) {
    for index in 16..<32 {
      words[index] = (words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16]).rotated(1)
    }
    // The recurrence put into itself reaches back at least six words, so four are made at once.
    let bytes = UnsafeMutableRawPointer(words)
    func four(_ index: Int) -> SIMD4<UInt32> { bytes.loadUnaligned(fromByteOffset: 4 * index, as: SIMD4<UInt32>.self) }
    for index in stride(from: 32, to: end, by: 4) {
      let mixed = four(index - 6) ^ four(index - 16) ^ four(index - 28) ^ four(index - 32)
      bytes.storeBytes(of: mixed &<< 2 | mixed &>> 30, toByteOffset: 4 * index, as: SIMD4<UInt32>.self)
    }
  }
}

extension UInt32 {
  /// Rotates to the left.
  func rotated(_ count: UInt32) -> UInt32 { self &<< count | self &>> (32 &- count) }
}
