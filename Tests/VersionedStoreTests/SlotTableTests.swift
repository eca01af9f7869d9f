import TestSupport
import Testing

@testable import VersionedStore

@Suite struct SlotTableTests {
  @Test(arguments: Soak.seeds(1...5, soak: 1_000))
  func itDoesWhatADictionaryDoes(_ seed: UInt64) {
    var generator = SeededGenerator(seed)
    var table = SlotTable()
    var model: [UInt64: Int] = [:]
    for step in 0..<4_000 {
      // Few keys, so that they come again; growing first, then shrinking.
      let key = UInt64.random(in: 0..<300, using: &generator) << 32
      if let slot = model[key] {
        if Int.random(in: 0..<4_000, using: &generator) < step {
          table.remove(slot, key)
          model[key] = nil
        }
      } else {
        table.insert(step, key)
        model[key] = step
      }
      let other = UInt64.random(in: 0..<300, using: &generator) << 32
      #expect(table.find(other) { $0 == model[other] } == model[other])
    }
  }
}
