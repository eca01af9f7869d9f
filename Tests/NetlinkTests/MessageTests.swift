import Testing
import Wire

@testable import Netlink

@Suite struct MessageTests {
  @Test func theKernelsExplanationIsReadBehindAShortHeader() throws {
    let bytes = golden(
      """
      3c000000 0200 0003  // 60 bytes, NLMSG_ERROR; NLM_F_CAPPED | NLM_F_ACK_TLVS
      09000000 05000000   // nlmsg_seq, nlmsg_pid
      efffffff            // -EEXIST
      40000000 1400 0506 09000000 05000000 // header of the request
      0c00 0100 74616b656e 00 0000 // NLMSGERR_ATTR_MSG "taken"
      0800 0200 18000000  // NLMSGERR_ATTR_OFFS 24
      0400 0700           // an attribute of a later kernel
      """)
    let acknowledgement = try #require(first(bytes) { Acknowledgement($0) })
    #expect(acknowledgement.sequence == 9)
    #expect(acknowledgement.code == 17)
    #expect(acknowledgement.text == "taken")
    #expect(acknowledgement.offset == 24)
    #expect(
      acknowledgement.error("adding x")?.description
        == "adding x: File exists (EEXIST): taken [at byte 24 of the request]")
  }

  @Test func theKernelsExplanationIsReadBehindAWholeRequest() throws {
    let bytes = golden(
      """
      38000000 0200 0002  // 56 bytes, NLMSG_ERROR; NLM_F_ACK_TLVS
      09000000 05000000   // nlmsg_seq, nlmsg_pid
      ffffffff            // -EPERM
      18000000 1400 0506 09000000 05000000 0000000000000000 // the request: 24 bytes
      0c00 0100 74616b656e 00 0000 // NLMSGERR_ATTR_MSG "taken"
      """)
    let acknowledgement = try #require(first(bytes) { Acknowledgement($0) })
    #expect(acknowledgement.text == "taken")
    #expect(
      acknowledgement.error("adding x")?.description
        == "adding x: Operation not permitted (EPERM): taken; this needs root or CAP_NET_ADMIN")
  }

  @Test func anAcknowledgementWithoutErrorIsNone() throws {
    let bytes = golden("24000000 0200 0001 09000000 05000000 00000000 14000000 1000 0500 09000000 05000000")
    #expect(try #require(first(bytes) { Acknowledgement($0) }).error("x") == nil)
  }

  @Test func messagesOfOneDatagramAreReadInTurnUntilOneDoesNotFit() {
    let bytes = golden(
      """
      11000000 1000 0000 01000000 00000000 ff 000000 // 17 bytes and padding
      10000000 1100 0000 02000000 00000000           // no payload
      11000000 1200 0000 03000000 00000000           // says 17 bytes, has 16
      """)
    var reader = MessageReader(bytes.span.bytes)
    var seen: [[Int]] = []
    while let message = reader.next() {
      seen.append([Int(message.type), Int(message.sequence), message.payload.byteCount])
    }
    #expect(seen == [[16, 1, 1], [17, 2, 0]])
  }

  @Test func attributesStopAtOneThatDoesNotFit() {
    let bytes = golden("0500 0100 aa 000000  0400 0280  0300 0300")
    var reader = AttributeReader(bytes.span.bytes)
    var seen: [[Int]] = []
    while let attribute = reader.next() { seen.append([attribute.type, attribute.payload.byteCount]) }
    #expect(seen == [[1, 1], [2, 0]])
  }

  @Test func numbersThatAreTooShortAreNil() {
    let bytes: [UInt8] = [1, 2, 3]
    let attribute = Attribute(type: 1, payload: bytes.span.bytes)
    #expect(attribute.number(UInt32.self) == nil)
    #expect(attribute.number(UInt16.self) == 0x0201)
    #expect(attribute.bigEndian(UInt16.self) == 0x0102)
    #expect(attribute.address == nil)
    #expect(attribute.hardware == nil)
    #expect(attribute.text == "\u{1}\u{2}\u{3}")
  }

  @Test func aRouteOverSeveralGatewaysIsReadWithItsFirst() throws {
    let bytes = golden(
      """
      48000000 1800 0000 01000000 00000000 // 72 bytes, RTM_NEWROUTE
      02 18 00 00 fe 04 00 01 00000000     // AF_INET, /24, main, static, universe, unicast
      0800 0100 c6336400  // RTA_DST 198.51.100.0
      2400 0900           // RTA_MULTIPATH: 32 bytes
      1000 00 00 03000000 0800 0500 c0000201 // interface 3 through 192.0.2.1
      1000 00 00 04000000 0800 0500 c0000202 // interface 4 through 192.0.2.2
      """)
    let route = try #require(first(bytes) { Route($0) })
    #expect(
      route
        == Route(
          to: try #require(IPPrefix("198.51.100.0/24")), gateway: IPAddress("192.0.2.1"), link: 3, origin: .fixed))
  }
}

@Suite struct AnswerCollectorTests {
  private func collect(_ text: String) -> AnswerCollector<Int> {
    let bytes = golden(text)
    var reader = MessageReader(bytes.span.bytes)
    var collector = AnswerCollector<Int>(sequence: 9, port: 5)
    while let message = reader.next() { collector.take(message) { Int($0.type) } }
    return collector
  }

  @Test func answersComeBeforeTheEndOfTheDump() {
    let collector = collect(
      """
      10000000 1000 0200 09000000 05000000 // an answer
      10000000 1100 0200 08000000 05000000 // to an earlier request
      10000000 1200 0200 09000000 06000000 // to another socket
      10000000 1300 0000 00000000 00000000 // a notification
      10000000 0100 0000 09000000 05000000 // NLMSG_NOOP
      10000000 1400 0200 09000000 05000000 // an answer
      14000000 0300 0200 09000000 05000000 00000000 // NLMSG_DONE
      10000000 1500 0200 09000000 05000000 // too late
      """)
    #expect(collector.answers == [16, 20])
    #expect(collector.isConsistent)
    #expect(collector.verdict?.code == 0)
  }

  @Test(arguments: [
    "10000000 1000 1200 09000000 05000000  14000000 0300 0200 09000000 05000000 00000000",
    "10000000 1000 0200 09000000 05000000  14000000 0300 1200 09000000 05000000 00000000",
  ])
  func aTableThatChangedMeanwhileIsNoticed(text: String) {
    #expect(!collect(text).isConsistent)
    #expect(collect(text).verdict?.code == 0)
  }

  @Test func aDumpMayEndInAnError() {
    #expect(collect("14000000 0300 0200 09000000 05000000 feffffff").verdict?.code == 2)
    #expect(collect("10000000 0300 0200 09000000 05000000").verdict?.code == 0, "an old kernel says no number")
    #expect(collect("14000000 0200 0000 09000000 05000000 00000080").verdict?.code == .max, "no overflow")
  }

  @Test func anEndlessAnswerHasNoVerdict() {
    #expect(collect("10000000 1000 0200 09000000 05000000").verdict == nil)
  }
}

/// What `parse` makes of the first message in `bytes`.
func first<Value>(_ bytes: [UInt8], _ parse: (borrowing Message) -> Value?) -> Value? {
  var reader = MessageReader(bytes.span.bytes)
  guard let message = reader.next() else { return nil }
  return parse(message)
}
