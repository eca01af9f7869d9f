/// The merge of JSON values: objects by key, arrays as sequences, all else as a whole.
enum JSONMerge {
  static func merge(
    _ base: JSONNode?, _ ours: JSONNode, _ theirs: JSONNode, at place: String
  ) throws(MergeFailure) -> JSONNode {
    if ours == theirs || base == theirs { return ours }
    if base == ours { return theirs }
    switch (base, ours, theirs) {
    case (.object(let old), .object(let left), .object(let right)):
      return .object(try merge(old, left, right, at: place))
    case (nil, .object(let left), .object(let right)): return .object(try merge([], left, right, at: place))
    case (.array(let old), .array(let left), .array(let right)):
      return .array(try merge(old, left, right, at: place))
    default: throw .conflict("both sides set \(place)")
    }
  }

  private static func merge(
    _ base: [JSONNode.Member], _ ours: [JSONNode.Member], _ theirs: [JSONNode.Member], at place: String
  ) throws(MergeFailure) -> [JSONNode.Member] {
    let (old, left, right) = (byKey(base), byKey(ours), byKey(theirs))
    var merged: [[UInt8]: JSONNode] = [:]
    for key in Set(left.keys).union(right.keys).sorted(by: [UInt8].precedes) {
      let name = String(decoding: key, as: UTF8.self)
      switch (left[key], right[key]) {
      case (let mine?, let yours?): merged[key] = try merge(old[key], mine, yours, at: name)
      case (let kept?, nil), (nil, let kept?):
        if old[key] == kept { continue }
        guard old[key] == nil else { throw .conflict("one side removed \(name), the other changed it") }
        merged[key] = kept
      case (nil, nil): continue
      }
    }
    let order = OrderedKeys.merge(
      base: base.map(\.key), ours: ours.map(\.key), theirs: theirs.map(\.key), keeping: Set(merged.keys),
      by: [UInt8].precedes)
    return order.compactMap { key in merged[key].map { JSONNode.Member(key: key, value: $0) } }
  }

  private static func byKey(_ members: [JSONNode.Member]) -> [[UInt8]: JSONNode] {
    Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  private static func merge(
    _ base: [JSONNode], _ ours: [JSONNode], _ theirs: [JSONNode], at place: String
  ) throws(MergeFailure) -> [JSONNode] {
    try SequenceMerge.elements(base, ours, theirs, of: place, bytes: text) { (old, mine, yours) throws(MergeFailure) in
      try merge(old, mine, yours, at: "an element of \(place)")
    }
  }

  private static func text(_ nodes: ArraySlice<JSONNode>) -> [UInt8] {
    var text: [UInt8] = []
    JSONLayout(indent: nil, endsInNewline: false).append(.array(Array(nodes)), depth: 0, to: &text)
    return text
  }
}
