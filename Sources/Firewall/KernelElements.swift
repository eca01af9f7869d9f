import CNetlinkShims
import CNftnl
import Netlink

/// Gathers the elements of one set from the messages of a dump.
struct KernelElements {
  private let shape: ElementTable
  private var starts: [UInt8] = []
  private var ends: [UInt8] = []

  /// - Parameter shape: Any elements of the set as it is wanted, for its lengths.
  init(like shape: ElementTable) { self.shape = shape }

  /// Takes in one NFT_MSG_NEWSETELEM; elements of other lengths than the set's are passed over.
  mutating func absorb(_ message: borrowing Message) {
    guard message.type >> 8 == UInt16(NFNL_SUBSYS_NFTABLES),
      UInt32(message.type & 0xff) == NFT_MSG_NEWSETELEM.rawValue
    else { return }
    var attributes = message.attributes(after: 4)
    while let attribute = attributes.next() {
      guard attribute.type == Int(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue) else { continue }
      var list = attribute.nested
      while let element = list.next() { absorb(element.nested) }
    }
  }

  private mutating func absorb(_ reader: consuming AttributeReader) {
    let begin = starts.count
    var keyLength = 0
    var valueLength = 0
    var isEnd = false
    while let attribute = reader.next() {
      switch attribute.type {
      case Int(NFTA_SET_ELEM_KEY.rawValue): keyLength = append(attribute.nested)
      case Int(NFTA_SET_ELEM_DATA.rawValue): valueLength = append(attribute.nested)
      case Int(NFTA_SET_ELEM_FLAGS.rawValue):
        isEnd = (attribute.bigEndian(UInt32.self) ?? 0) & UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue) != 0
      default: break
      }
    }
    if keyLength == shape.keyLength, isEnd { ends += starts[begin...] }
    if keyLength != shape.keyLength || valueLength != shape.valueLength || isEnd { starts.removeSubrange(begin...) }
  }

  private mutating func append(_ reader: consuming AttributeReader) -> Int {
    while let attribute = reader.next() {
      guard attribute.type == Int(NFTA_DATA_VALUE.rawValue) else { continue }
      attribute.payload.withUnsafeBytes { starts += $0 }
      return attribute.payload.byteCount
    }
    return 0
  }

  /// What was gathered, in order.
  var table: ElementTable {
    guard shape.isRanges else {
      return ElementTable(
        keyLength: shape.keyLength, valueLength: shape.valueLength, isRanges: false, unsorted: starts)
    }
    let length = shape.keyLength
    let first = ElementTable(keyLength: length, valueLength: 0, isRanges: false, unsorted: starts)
    let beyond = ElementTable(keyLength: length, valueLength: 0, isRanges: false, unsorted: ends)
    var ranges: [UInt8] = []
    var end = 0
    for index in 0..<first.count {
      let start = first.record(index)
      while end < beyond.count, !start.lexicographicallyPrecedes(beyond.record(end)) { end += 1 }
      ranges += start
      ranges += end < beyond.count ? Self.predecessor(beyond.record(end)) : [UInt8](repeating: 0xff, count: length)
    }
    return ElementTable(keyLength: length, valueLength: 0, isRanges: true, unsorted: ranges)
  }

  /// The key before `key`.
  private static func predecessor(_ key: some Collection<UInt8>) -> [UInt8] {
    var key = Array(key)
    for position in key.indices.reversed() {
      key[position] &-= 1
      if key[position] != 0xff { break }
    }
    return key
  }
}
