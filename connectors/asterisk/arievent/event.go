package arievent

// Type is the kind of an event.
type Type uint8

const (
	// Unknown is a type that this package has never heard of.
	Unknown Type = iota
	// Unwanted is a type that is known and says nothing that is counted.
	Unwanted
	ApplicationReplaced
	BridgeAttendedTransfer
	BridgeBlindTransfer
	ChannelCreated
	ChannelDestroyed
	ChannelDialplan
	ChannelDtmfReceived
	ChannelEnteredBridge
	ChannelHangupRequest
	ChannelHold
	ChannelLeftBridge
	ChannelStateChange
	ChannelUnhold
	ChannelVarset
	DeviceStateChanged
	Dial
)

// Variable is a channel variable that app_queue sets, a dialplan application that
// changes who serves a queue, or the channel driver.
type Variable uint8

const (
	// OtherVariable is any other; its event is Unwanted.
	OtherVariable Variable = iota
	Abandoned
	AddMemberStatus
	AttendedTransfer
	BlindTransfer
	MemberName
	PauseStatus
	QueuePosition
	QueueStatus
	QueueWait
	RemoveMemberStatus
	UnpauseStatus
	AudioQuality // of a channel that is hung up
)

// Channel is what an event says of a channel.
type Channel struct {
	ID, Name, State []byte
	CallerNumber    []byte
	Context, Exten  []byte
	App, AppData    []byte
	Priority        int32
	present         bool
}

// MakeChannel is a channel of which no more is known than its id and name.
func MakeChannel(id, name string) Channel {
	return Channel{ID: []byte(id), Name: []byte(name), present: true}
}

// Present tells whether the event named this channel.
func (c *Channel) Present() bool { return c.present }

// maxBridged bounds how many of a bridge's channels are kept.
const maxBridged = 8

// Bridge is what an event says of a bridge.
type Bridge struct {
	ID, Type, Technology []byte
	channels             [maxBridged][]byte
	n                    int
}

// Channels are the ids of the channels in it, the first few of a conference.
func (b *Bridge) Channels() [][]byte { return b.channels[:b.n] }

// Event is a decoded event. Its fields are valid until the next Decode, and as
// long as the bytes that were decoded are not changed.
type Event struct {
	Type     Type
	TypeName []byte
	// Millis is the time stamp, in milliseconds since 1970 UTC; 0 where there is
	// none. StampFault tells that there was one that could not be read.
	Millis     int64
	StampFault bool

	Channel, Caller, Peer, Forwarded      Channel
	Transferee, FirstLeg, SecondLeg       Channel
	Bridge, FirstLegBridge, SecondBridge  Bridge
	Variable                              Variable
	Value                                 []byte
	DialStatus, DialString, Forward       []byte
	Result, DestinationType, Exten, Digit []byte
	Device, DeviceState                   []byte
	Cause                                 int32
	Soft                                  bool

	scratch []byte
	used    uint16 // which of the parts below hold something from before
}

const (
	usedCaller = 1 << iota
	usedPeer
	usedForwarded
	usedTransferee
	usedFirstLeg
	usedSecondLeg
	usedFirstBridge
	usedSecondBridge
	usedBridge
	usedChannel
)

// reset clears what the last event left. The rare parts are cleared only where
// they were used: most events name one channel.
func (e *Event) reset() {
	e.Type, e.TypeName, e.Millis, e.StampFault = Unknown, nil, 0, false
	e.Variable, e.Value = OtherVariable, nil
	e.DialStatus, e.DialString, e.Forward = nil, nil, nil
	e.Result, e.DestinationType, e.Exten, e.Digit = nil, nil, nil, nil
	e.Device, e.DeviceState = nil, nil
	e.Cause, e.Soft = 0, false
	e.scratch = e.scratch[:0]
	if e.used == 0 {
		return
	}
	for _, x := range [...]struct {
		bit uint16
		c   *Channel
	}{{usedChannel, &e.Channel}, {usedCaller, &e.Caller}, {usedPeer, &e.Peer}, {usedForwarded, &e.Forwarded},
		{usedTransferee, &e.Transferee}, {usedFirstLeg, &e.FirstLeg}, {usedSecondLeg, &e.SecondLeg}} {
		if e.used&x.bit != 0 {
			*x.c = Channel{}
		}
	}
	for _, x := range [...]struct {
		bit uint16
		b   *Bridge
	}{{usedBridge, &e.Bridge}, {usedFirstBridge, &e.FirstLegBridge}, {usedSecondBridge, &e.SecondBridge}} {
		if e.used&x.bit != 0 {
			*x.b = Bridge{}
		}
	}
	e.used = 0
}

// typeOf sorts a type's name.
func typeOf(name []byte) Type {
	switch string(name) {
	case "ChannelVarset":
		return ChannelVarset
	case "ChannelDialplan":
		return ChannelDialplan
	case "DeviceStateChanged":
		return DeviceStateChanged
	case "Dial":
		return Dial
	case "ChannelStateChange":
		return ChannelStateChange
	case "ChannelCreated":
		return ChannelCreated
	case "ChannelDestroyed":
		return ChannelDestroyed
	case "ChannelHangupRequest":
		return ChannelHangupRequest
	case "ChannelEnteredBridge":
		return ChannelEnteredBridge
	case "ChannelLeftBridge":
		return ChannelLeftBridge
	case "ChannelHold":
		return ChannelHold
	case "ChannelUnhold":
		return ChannelUnhold
	case "ChannelDtmfReceived":
		return ChannelDtmfReceived
	case "BridgeBlindTransfer":
		return BridgeBlindTransfer
	case "BridgeAttendedTransfer":
		return BridgeAttendedTransfer
	case "ApplicationReplaced":
		return ApplicationReplaced
	case "ChannelConnectedLine", "ChannelCallerId", "BridgeCreated", "BridgeDestroyed", "BridgeMerged", "BridgeVideoSourceChanged",
		"EndpointStateChange", "PeerStatusChange", "ContactStatusChange", "ContactInfo", "StasisStart", "StasisEnd",
		"ChannelUserevent", "ChannelTalkingStarted", "ChannelTalkingFinished", "ChannelToneDetected", "ChannelTransfer",
		"PlaybackStarted", "PlaybackContinuing", "PlaybackFinished", "RecordingStarted", "RecordingFinished", "RecordingFailed",
		"TextMessageReceived", "ApplicationMoveFailed", "ApplicationRegistered", "ApplicationUnregistered", "RESTResponse":
		return Unwanted
	}
	return Unknown
}

func variableOf(name []byte) Variable {
	switch string(name) {
	case "QUEUESTATUS":
		return QueueStatus
	case "QUEUEPOSITION":
		return QueuePosition
	case "QUEUEWAIT":
		return QueueWait
	case "ABANDONED":
		return Abandoned
	case "MEMBERNAME":
		return MemberName
	case "BLINDTRANSFER":
		return BlindTransfer
	case "ATTENDEDTRANSFER":
		return AttendedTransfer
	case "AQMSTATUS":
		return AddMemberStatus
	case "RQMSTATUS":
		return RemoveMemberStatus
	case "PQMSTATUS":
		return PauseStatus
	case "UPQMSTATUS":
		return UnpauseStatus
	case "RTPAUDIOQOS":
		return AudioQuality
	}
	return OtherVariable
}
