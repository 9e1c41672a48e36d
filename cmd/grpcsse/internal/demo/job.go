package demo

import (
	"time"

	"google.golang.org/grpc"

	jobv1 "github.com/grpcsse/grpcsse/gen/demo/job/v1"
)

// jobTime is how long a job takes, jobSteps the number of reports after the one for 0 %.
const (
	jobTime  = 8 * time.Second
	jobSteps = 100
)

// jobs is the service whose jobs only take time.
type jobs struct {
	jobv1.UnimplementedJobServiceServer
}

// RunJob implements jobv1.JobServiceServer.
func (jobs) RunJob(request *jobv1.RunJobRequest, stream grpc.ServerStreamingServer[jobv1.JobProgress]) error {
	name := request.GetName()
	if name == "" {
		name = "export"
	}
	ticker := time.NewTicker(jobTime / jobSteps)
	defer ticker.Stop()
	for progress := int32(0); ; progress++ {
		err := stream.Send(&jobv1.JobProgress{Name: name, Progress: progress, Step: jobStep(progress)})
		if err != nil {
			return err
		}
		if progress == jobSteps {
			return nil
		}
		if err := await(stream.Context(), ticker.C); err != nil {
			return err
		}
	}
}

func jobStep(progress int32) string {
	switch {
	case progress < 5:
		return "preparing"
	case progress < 40:
		return "reading rows"
	case progress < 75:
		return "writing columns"
	case progress < 100:
		return "checking sums"
	default:
		return "done"
	}
}
