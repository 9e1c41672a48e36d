package demo

import (
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	notifyv1 "github.com/grpcsse/grpcsse/gen/demo/notify/v1"
)

// notificationGap is the time between two notifications.
const notificationGap = 2 * time.Second

// notifications sends the same few messages again and again.
type notifications struct {
	notifyv1.UnimplementedNotificationServiceServer
}

func story() []string {
	return []string{
		"Ada pushed three commits to main",
		"Build 2147 has passed in 1 min 12 s",
		"Grace asks for a review: “Close the stream on pagehide”",
		"Linus left a comment: “Nice. What if the tab crashes?”",
		"Barbara approved the change",
		"Version 1.4.2 is live in Frankfurt",
		"Version 1.4.2 is live in Oregon",
		"Error rate: 0.00% over the last ten minutes",
		"Margaret has joined the channel",
		"Coffee is ready",
	}
}

// WatchNotifications implements notifyv1.NotificationServiceServer.
func (notifications) WatchNotifications(
	_ *notifyv1.WatchNotificationsRequest, stream grpc.ServerStreamingServer[notifyv1.Notification],
) error {
	messages := story()
	ticker := time.NewTicker(notificationGap)
	defer ticker.Stop()
	for i := 0; ; i++ {
		err := stream.Send(&notifyv1.Notification{
			Message:   messages[i%len(messages)],
			Timestamp: timestamppb.New(time.Now().Truncate(time.Millisecond)),
		})
		if err != nil {
			return err
		}
		if err := await(stream.Context(), ticker.C); err != nil {
			return err
		}
	}
}
