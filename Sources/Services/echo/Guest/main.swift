#if hasFeature(Embedded)
  import EchoService
  import LibraryOS
  import Wire

  let network = "lan"
  let arguments = Machine.arguments
  guard let hardwareAddress = arguments.hardwareAddress(ofNetwork: network) else {
    Machine.fail("echo: the arguments lack network.\(network).mac=ADDRESS")
  }
  guard let addresses = arguments.addresses(ofNetwork: network), let address = addresses.first,
    var responder = EchoResponder(hardwareAddress: hardwareAddress, address: address)
  else { Machine.fail("echo: the arguments lack network.\(network).address=ADDRESS/LENGTH") }

  do throws(NetworkDeviceError) {
    var device = try NetworkDevice(hardwareAddress, among: arguments.devices)
    guard device.transmit({ room in responder.announce(into: &room) }) else {
      Machine.fail("echo: the network device takes no frame")
    }
    print("echo: ready")
    while true {
      device.poll { frame, room in responder.respond(to: frame, into: &room) }
      Machine.sleep()
    }
  } catch {
    Machine.fail("echo: \(error.description)")
  }
#else
  import Glibc

  fputs("echo: this is a guest of a virtual machine: build it with `make services`\n", stderr)
  exit(EX_UNAVAILABLE)
#endif
