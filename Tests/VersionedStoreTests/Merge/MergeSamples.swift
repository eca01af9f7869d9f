import GitFormat
import TestSupport

@testable import VersionedStore

/// Somebody who changes values: where the randomness and the times of a test come from.
struct Editor {
  var random: SeededGenerator
  var clock: HybridClock
  var wall: Int64 = 1_790_000_000_000

  init(seed: UInt64, node: UInt64 = 1) {
    random = SeededGenerator(seed &* 31 &+ node)
    clock = HybridClock(node: node)
  }

  mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
  mutating func chance(_ outOf: Int) -> Bool { below(outOf) == 0 }
  mutating func pick<Element>(_ elements: some Collection<Element>) -> Element? {
    elements.randomElement(using: &random)
  }

  /// A few bytes: mostly text, sometimes what has to be escaped.
  mutating func word() -> [UInt8] {
    if chance(6) { return (0..<below(5)).map { _ in UInt8.random(in: 0...255, using: &random) } }
    return Array(pick(["milk", "bread", "apples", "Käse", "a\nb", "tab\there", "back\\slash", "", "9"])!.utf8)
  }

  mutating func tick() -> Int64 {
    wall += Int64(below(3))
    return wall
  }
}

/// A mergeable type that a test can change at random.
protocol Editable: Mergeable {
  static var empty: Self { get }
  /// Whether merges of three may be done in any order.
  static var isAssociative: Bool { get }
  mutating func edit(_ editor: inout Editor) throws
}

extension Editable {
  static var isAssociative: Bool { true }

  mutating func edit(_ editor: inout Editor, times: Int) throws {
    for _ in 0..<times { try edit(&editor) }
  }
}

extension MergeableCounter: Editable {
  static var empty: MergeableCounter { MergeableCounter() }
  mutating func edit(_ editor: inout Editor) throws {
    try add(Int64(editor.below(21) - 10), change: editor.random.next())
  }
}

extension MergeableRegister: Editable {
  static var empty: MergeableRegister { MergeableRegister([], at: HybridTime(wall: 0, node: 0)) }
  mutating func edit(_ editor: inout Editor) throws {
    try write(editor.word(), clock: &editor.clock, wall: editor.tick())
  }
}

extension TimedLog: Editable {
  static var empty: TimedLog { TimedLog() }
  mutating func edit(_ editor: inout Editor) throws {
    try append(editor.word(), clock: &editor.clock, wall: editor.tick())
    if editor.chance(8) { keepNewest(10) }
  }
}

extension MergeableQueue: Editable {
  static var empty: MergeableQueue { MergeableQueue() }
  mutating func edit(_ editor: inout Editor) throws {
    if editor.chance(3) { _ = pop() } else { try push(editor.word(), clock: &editor.clock, wall: editor.tick()) }
  }
}

extension MergeableSet: Editable {
  static var empty: MergeableSet { MergeableSet() }
  mutating func edit(_ editor: inout Editor) throws {
    if editor.chance(3), let element = editor.pick(elements.sorted(by: [UInt8].precedes)) {
      elements.remove(element)
    } else {
      elements.insert(editor.word())
    }
  }
}

extension MergeableMultiset: Editable {
  static var empty: MergeableMultiset { MergeableMultiset() }
  // What both sides take away may count to none once or twice.
  static var isAssociative: Bool { false }
  mutating func edit(_ editor: inout Editor) throws {
    try add(Int64(editor.below(7) - 3), of: editor.word(), change: editor.random.next())
  }
}

extension MergeableMap: Editable where Value: Editable {
  static var empty: Self { Self() }
  // Removed, changed and left alone in three places: which two meet first decides.
  static var isAssociative: Bool { false }
  mutating func edit(_ editor: inout Editor) throws {
    let key = EntryName(editor.word())
    if editor.chance(5) { values[key] = nil } else { try values[key, default: .empty].edit(&editor) }
  }
}

extension MergeableText: Editable {
  static var empty: MergeableText { MergeableText("first line\nsecond line\nthird line\n") }
  static var isAssociative: Bool { false }
  mutating func edit(_ editor: inout Editor) throws {
    var characters = Array(text)
    let place = editor.below(characters.count + 1)
    if editor.chance(3), place < characters.count {
      characters.removeSubrange(place..<min(characters.count, place + editor.below(6)))
    } else {
      characters.insert(contentsOf: editor.pick(["word ", "\n", "é", "longer text\nand more"])!, at: place)
    }
    self = MergeableText(String(characters))
  }
}

extension JSONDocument: Editable {
  static var empty: JSONDocument { JSONDocument(.object([])) }
  static var isAssociative: Bool { false }
  mutating func edit(_ editor: inout Editor) throws { root = Self.edited(root, &editor, depth: 0) }

  private static func edited(_ node: JSONNode, _ editor: inout Editor, depth: Int) -> JSONNode {
    switch node {
    case .object(var members) where depth < 4:
      let key = Array(editor.pick(["name", "size", "tags", "\\u00e9"])!.utf8)
      let index = members.firstIndex { $0.key == key }
      if let index {
        if editor.chance(6) {
          members.remove(at: index)
        } else {
          members[index].value = edited(members[index].value, &editor, depth: depth + 1)
        }
      } else {
        members.insert(.init(key: key, value: scalar(&editor)), at: editor.below(members.count + 1))
      }
      return .object(members)
    case .array(var elements):
      if editor.chance(3), !elements.isEmpty {
        elements.remove(at: editor.below(elements.count))
      } else {
        elements.insert(scalar(&editor), at: editor.below(elements.count + 1))
      }
      return .array(elements)
    default: return scalar(&editor)
    }
  }

  private static func scalar(_ editor: inout Editor) -> JSONNode {
    switch editor.below(6) {
    case 0: .object([])
    case 1: .array([])
    case 2: .string(Array("text \(editor.below(9))".utf8))
    case 3: .number(Array("\(editor.below(9)).50e0".utf8))
    case 4: .literal(.null)
    default: .literal(.true)
    }
  }
}
