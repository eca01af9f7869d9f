/// Builds a DHCPv4 message: header, then options in the order in which they are added.
public struct DHCPv4Builder: Sendable {
  public var header: DHCPv4Header
  /// Options as they stand on the wire, values over 255 bytes already in parts.
  private var options = ByteWriter(capacity: 320)

  /// - Parameter type: option 53, always first.
  public init(_ header: DHCPv4Header, type: DHCPv4MessageType) {
    self.header = header
    add(.messageType, type.rawValue)
  }

  /// Adds an option; a value longer than 255 bytes is split into parts (RFC 3396 section 5).
  ///
  /// `.pad`, `.end`, `.overload` and a second `.messageType` are the builder's own business and are left out.
  public mutating func add(_ code: DHCPv4OptionCode, bytes: some RandomAccessCollection<UInt8>) {
    guard code != .pad, code != .end, code != .overload, code != .messageType || options.count == 0 else { return }
    var rest = bytes[...]
    repeat {
      let part = rest.prefix(255)
      rest = rest.dropFirst(part.count)
      options.write(code.rawValue)
      options.write(UInt8(part.count))
      options.write(contentsOf: part)
    } while !rest.isEmpty
  }

  public mutating func add(_ code: DHCPv4OptionCode, _ value: UInt8) { add(code, bytes: CollectionOfOne(value)) }

  public mutating func add(_ code: DHCPv4OptionCode, _ value: UInt16) {
    options.write(code.rawValue)
    options.write(UInt8(2))
    options.write(value)
  }

  public mutating func add(_ code: DHCPv4OptionCode, _ value: UInt32) {
    options.write(code.rawValue)
    options.write(UInt8(4))
    options.write(value)
  }

  public mutating func add(_ code: DHCPv4OptionCode, _ address: IPv4Address) { add(code, address.value) }

  /// Adds a list of addresses; an empty one adds nothing.
  public mutating func add(_ code: DHCPv4OptionCode, _ addresses: [IPv4Address]) {
    guard !addresses.isEmpty else { return }
    var value = ByteWriter(capacity: addresses.count * 4)
    for address in addresses { value.write(address) }
    add(code, bytes: value.bytes)
  }

  /// Adds text; empty text adds nothing, because RFC 2132 demands at least one byte.
  public mutating func add(_ code: DHCPv4OptionCode, _ text: String) {
    if !text.isEmpty { add(code, bytes: Array(text.utf8)) }
  }

  /// The message's bytes, at least `DHCPv4.minimumMessageSize` of them.
  ///
  /// Options that do not fit `limit` go to `file` and `sname` (option 52); one that fits nowhere is left out as a whole,
  /// so add the important ones first.
  ///
  /// - Parameter limit: largest size in bytes, from `DHCPv4View.messageLimit`; less than the default counts as the default.
  public func message(limit: Int = DHCPv4.defaultMessageLimit) -> [UInt8] {
    let limit = max(limit, DHCPv4.defaultMessageLimit)
    var writer = ByteWriter(capacity: max(DHCPv4.optionsStart + options.count + 1, DHCPv4.minimumMessageSize))
    header.write(to: &writer)
    writer.write(DHCPv4.magicCookie)
    guard DHCPv4.optionsStart + options.count + 1 > limit else {
      writer.write(contentsOf: options.bytes)
      writer.write(DHCPv4OptionCode.end.rawValue)
      writer.pad(max(0, DHCPv4.minimumMessageSize - writer.count))
      return writer.bytes
    }
    return overloaded(writer.bytes, limit: limit)
  }

  /// The areas that hold options, with the room that is left in each.
  private struct Areas {
    var contents: [[UInt8]] = [[], [], []]
    var room: [Int]
    var current = 0

    /// Puts one part into the current area, or the next that has room. Within an option `current` never moves back, so
    /// that its parts stay in order.
    mutating func place(_ part: ArraySlice<UInt8>) -> Bool {
      while current < room.count {
        if part.count <= room[current] {
          contents[current] += part
          room[current] -= part.count
          return true
        }
        current += 1
      }
      return false
    }
  }

  private func overloaded(_ start: [UInt8], limit: Int) -> [UInt8] {
    // One byte of each area is for its end option, three of the first for option 52.
    var areas = Areas(room: [
      limit - DHCPv4.optionsStart - 1 - 3, DHCPv4.bootFileArea.count - 1, DHCPv4.serverNameArea.count - 1,
    ])
    let bytes = options.bytes
    var index = 0
    while index < bytes.count {
      areas.current = 0
      let before = areas
      let code = bytes[index]
      var fits = true
      while index < bytes.count, bytes[index] == code {
        let next = index + 2 + Int(bytes[index + 1])
        fits = fits && areas.place(bytes[index..<next])
        index = next
      }
      if !fits { areas = before }
    }
    let usesFile = !areas.contents[1].isEmpty
    let usesName = !areas.contents[2].isEmpty
    var message = start + areas.contents[0]
    if usesFile || usesName {
      message += [DHCPv4OptionCode.overload.rawValue, 1, (usesFile ? 1 : 0) | (usesName ? 2 : 0)]
    }
    message.append(DHCPv4OptionCode.end.rawValue)
    for (area, contents) in [(DHCPv4.bootFileArea, areas.contents[1]), (DHCPv4.serverNameArea, areas.contents[2])]
    where !contents.isEmpty {
      let filled = contents + [DHCPv4OptionCode.end.rawValue]
      message.replaceSubrange(area.lowerBound..<area.lowerBound + filled.count, with: filled)
    }
    return message
  }
}
