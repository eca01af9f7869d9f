extension SHA1Disturbances {
  /// Whether one of these vectors gives another block that leads to the same state, from some state before.
  ///
  /// - Parameter words: the block's 80 expanded words.
  func areAttack(on words: UnsafePointer<UInt32>, from before: SHA1State, to after: SHA1State) -> Bool {
    isAttack(on: words, before, after, one, SHA1DisturbanceClass.one, rotated: 0)
      || isAttack(on: words, before, after, oneRotated, SHA1DisturbanceClass.one, rotated: 2)
      || isAttack(on: words, before, after, two, SHA1DisturbanceClass.two, rotated: 0)
      || isAttack(on: words, before, after, twoRotated, SHA1DisturbanceClass.two, rotated: 2)
  }

  private func isAttack(
    on words: UnsafePointer<UInt32>, _ before: SHA1State, _ after: SHA1State, _ suspects: UInt64,
    _ vectors: SHA1DisturbanceClass, rotated rotation: UInt32
  ) -> Bool {
    var left = suspects
    while left != 0 {
      let number = 43 + left.trailingZeroBitCount
      left &= left - 1
      func other(_ index: Int) -> UInt32 {
        words[index] ^ vectors.difference(ofWord: index, in: number).rotated(rotation)
      }
      // From step K+9 on, in both classes, and up to here, the two messages have one state.
      let meeting = number + 15
      var state = before
      state.step(0..<meeting) { words[$0] }
      var otherBefore = state
      otherBefore.stepBack(0..<meeting, other)
      state.step(meeting..<80, other)
      if otherBefore &+ state == after { return true }
    }
    return false
  }
}

/// A class of disturbance vectors, which are one sequence, shifted by K.
///
/// A vector's words obey the message expansion. Each bit in it starts a local collision of six steps, which adds up to the
/// difference of the two messages (Chabaud, Joux, "Differential collisions in SHA-0", CRYPTO 1998).
struct SHA1DisturbanceClass: Sendable {
  /// Differences of the words from K+`first` on.
  private let differences: [UInt32]

  /// The greatest K is 56, the least 43.
  private static let first = -56
  private static let last = 79 - 43

  /// Where K+1 and K+3 are disturbed, or not, and K+15 is, with all others between K and K+15 at rest.
  static let one = SHA1DisturbanceClass(early: 0)
  static let two = SHA1DisturbanceClass(early: 1 << 31)

  private init(early: UInt32) {
    // A local collision is over after five more steps.
    let origin = Self.first - 5
    var vector = [UInt32](repeating: 0, count: Self.last - origin + 1)
    vector[1 - origin] = early
    vector[3 - origin] = early
    vector[15 - origin] = 1
    for index in (16 - origin)..<vector.count {
      vector[index] = (vector[index - 3] ^ vector[index - 8] ^ vector[index - 14] ^ vector[index - 16]).rotated(1)
    }
    for index in (0..<(0 - origin)).reversed() {
      vector[index] = vector[index + 16].rotated(31) ^ vector[index + 13] ^ vector[index + 8] ^ vector[index + 2]
    }
    differences = (5..<vector.count).map { index in
      vector[index] ^ vector[index - 1].rotated(5) ^ vector[index - 2]
        ^ (vector[index - 3] ^ vector[index - 4] ^ vector[index - 5]).rotated(30)
    }
  }

  /// How the other message's word differs, in vector (`number`,0).
  func difference(ofWord index: Int, in number: Int) -> UInt32 { differences[index - number - Self.first] }
}
