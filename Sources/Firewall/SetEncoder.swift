import CNetlinkShims
import CNftnl
import Glibc

extension RulesetEncoder {
  func add(_ set: NamedSet, _ family: TableFamily) {
    withSet(set.name, family) { pointer in
      nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_ID.rawValue), UInt32(transaction.steps.count))
      nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_KEY_TYPE.rawValue), Self.type(of: set.key))
      nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_KEY_LEN.rawValue), UInt32(NamedSet.width(of: set.key)))
      var flags: UInt32 = 0
      if !set.value.isEmpty {
        flags |= UInt32(NFT_SET_MAP.rawValue)
        nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_DATA_TYPE.rawValue), Self.type(of: set.value))
        nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_DATA_LEN.rawValue), UInt32(NamedSet.width(of: set.value)))
      }
      switch set.filling {
      case .keys: break
      case .ranges: flags |= UInt32(NFT_SET_INTERVAL.rawValue)
      case .rules(let seconds, _):
        flags |= UInt32(NFT_SET_EVAL.rawValue)
        guard seconds > 0 else { break }
        flags |= UInt32(NFT_SET_TIMEOUT.rawValue)
        nftnl_set_set_u64(pointer, UInt16(NFTNL_SET_TIMEOUT.rawValue), UInt64(seconds) * 1000)
      }
      nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_FLAGS.rawValue), flags)
      if let size = set.capacity { nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_DESC_SIZE.rawValue), size) }
      let data = Self.byteOrders(of: set)
      nftnl_set_set_data(pointer, UInt16(NFTNL_SET_USERDATA.rawValue), data, UInt32(data.count))
      transaction.add(.set(set.name), NFT_MSG_NEWSET, family, NLM_F_CREATE) {
        nftnl_set_nlmsg_build_payload($0, pointer)
      }
    }
  }

  func deleteSet(_ name: String, _ family: TableFamily) {
    withSet(name, family) { pointer in
      transaction.add(.set(name), NFT_MSG_DELSET, family) { nftnl_set_nlmsg_build_payload($0, pointer) }
    }
  }

  func addElements(_ elements: ElementTable, to set: String, _ family: TableFamily) {
    write(elements, set, family, NFT_MSG_NEWSETELEM, NLM_F_CREATE)
  }

  func deleteElements(_ elements: ElementTable, from set: String, _ family: TableFamily) {
    write(elements, set, family, NFT_MSG_DELSETELEM, 0)
  }

  /// Bytes of elements after which a message is full: the list's length has 16 bits.
  private static let elementBytes = 60_000

  /// As many messages as it takes. One element of libnftnl is filled again and again: a hundred thousand need no more memory than one.
  private func write(
    _ elements: ElementTable, _ set: String, _ family: TableFamily, _ type: nf_tables_msg_types, _ flags: Int32
  ) {
    guard !elements.isEmpty, let element = nftnl_set_elem_alloc(), let end = nftnl_set_elem_alloc() else { return }
    defer {
      nftnl_set_elem_free(element)
      nftnl_set_elem_free(end)
    }
    nftnl_set_elem_set_u32(end, UInt16(NFTNL_SET_ELEM_FLAGS), UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue))
    var index = 0
    elements.bytes.withUnsafeBytes { bytes in
      while index < elements.count {
        transaction.add(.elements(of: set), type, family, flags) { header in
          mnl_attr_put_strz(header, UInt16(NFTA_SET_ELEM_LIST_TABLE.rawValue), Table.name)
          mnl_attr_put_strz(header, UInt16(NFTA_SET_ELEM_LIST_SET.rawValue), set)
          guard let list = mnl_attr_nest_start(header, UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)) else { return }
          let limit = Int(header.pointee.nlmsg_len) + Self.elementBytes
          while index < elements.count, Int(header.pointee.nlmsg_len) < limit {
            let start = bytes.baseAddress! + index * elements.recordLength
            write(UnsafeRawBufferPointer(start: start, count: elements.recordLength), elements, element, end, header)
            index += 1
          }
          mnl_attr_nest_end(header, list)
        }
      }
    }
  }

  private func write(
    _ record: UnsafeRawBufferPointer, _ elements: ElementTable, _ element: OpaquePointer, _ end: OpaquePointer,
    _ header: UnsafeMutablePointer<nlmsghdr>
  ) {
    let start = record.baseAddress!
    let length = elements.keyLength
    nftnl_set_elem_set(element, UInt16(NFTNL_SET_ELEM_KEY), start, UInt32(length))
    if elements.valueLength > 0 {
      nftnl_set_elem_set(
        element, UInt16(NFTNL_SET_ELEM_DATA), start + record.count - elements.valueLength, UInt32(elements.valueLength))
    }
    nftnl_set_elem_nlmsg_build(header, element, 1)
    // A range ends before the element that follows its last; one that reaches the last there is has no end.
    guard elements.isRanges, var beyond = Self.successor(record[length..<2 * length]) else { return }
    nftnl_set_elem_set(end, UInt16(NFTNL_SET_ELEM_KEY), &beyond, UInt32(length))
    nftnl_set_elem_nlmsg_build(header, end, 1)
  }

  /// The key behind `key`; nil behind the last.
  static func successor(_ key: some Collection<UInt8>) -> [UInt8]? {
    var key = Array(key)
    for position in key.indices.reversed() {
      key[position] &+= 1
      if key[position] != 0 { return key }
    }
    return nil
  }

  private func withSet(_ name: String, _ family: TableFamily, _ body: (OpaquePointer) -> Void) {
    guard let pointer = nftnl_set_alloc() else { return }
    defer { nftnl_set_free(pointer) }
    nftnl_set_set_u32(pointer, UInt16(NFTNL_SET_FAMILY.rawValue), UInt32(family.rawValue))
    nftnl_set_set_str(pointer, UInt16(NFTNL_SET_TABLE.rawValue), Table.name)
    nftnl_set_set_str(pointer, UInt16(NFTNL_SET_NAME.rawValue), name)
    body(pointer)
  }

  /// nft(8)'s number for a type or a concatenation: six bits for each part.
  private static func type(of parts: [NamedSet.Datum]) -> UInt32 { parts.reduce(0) { $0 << 6 | $1.rawValue } }

  /// Tells nft(8) how to print keys and values: 1 is the machine's byte order, 2 the network's. Behind type and length a number of 4 bytes.
  private static func byteOrders(of set: NamedSet) -> [UInt8] {
    func order(_ parts: [NamedSet.Datum]) -> [UInt8] { native(UInt32(parts == [.interface] ? 1 : 2)) }
    let key = [UInt8(NFTNL_UDATA_SET_KEYBYTEORDER.rawValue), 4] + order(set.key)
    guard !set.value.isEmpty else { return key }
    return key + [UInt8(NFTNL_UDATA_SET_DATABYTEORDER.rawValue), 4] + order(set.value)
  }
}
