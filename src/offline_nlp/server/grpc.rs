//! The API by gRPC.

use futures::stream::Empty;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::service::{Service, Shared};
use crate::wire::dialogflow_v2::{
    Agent, Context, CreateContextRequest, CreateSessionEntityTypeRequest, DeleteAllContextsRequest,
    DeleteContextRequest, DeleteSessionEntityTypeRequest, DetectIntentRequest, DetectIntentResponse, GetAgentRequest,
    GetContextRequest, GetIntentRequest, GetSessionEntityTypeRequest, Intent, ListContextsRequest,
    ListContextsResponse, ListIntentsRequest, ListIntentsResponse, ListSessionEntityTypesRequest,
    ListSessionEntityTypesResponse, SessionEntityType, StreamingDetectIntentRequest, StreamingDetectIntentResponse,
    UpdateContextRequest, UpdateSessionEntityTypeRequest, agents_server::Agents, contexts_server::Contexts,
    intents_server::Intents, session_entity_types_server::SessionEntityTypes, sessions_server::Sessions,
};

type Answer<T> = Result<Response<T>, Status>;

/// One service behind Google's five.
#[derive(Clone, Debug)]
pub(super) struct Grpc(pub(super) Shared);

impl Grpc {
    fn service(&self) -> &Service {
        &self.0
    }
}

#[async_trait]
impl Sessions for Grpc {
    async fn detect_intent(&self, request: Request<DetectIntentRequest>) -> Answer<DetectIntentResponse> {
        self.service().detect_intent(request.into_inner()).await.map(Response::new)
    }

    type StreamingDetectIntentStream = Empty<Result<StreamingDetectIntentResponse, Status>>;

    async fn streaming_detect_intent(
        &self,
        _request: Request<Streaming<StreamingDetectIntentRequest>>,
    ) -> Answer<Self::StreamingDetectIntentStream> {
        Err(Status::unimplemented(
            "the offline engine does not stream and does not hear: call DetectIntent with text or an event",
        ))
    }
}

#[async_trait]
impl Agents for Grpc {
    async fn get_agent(&self, request: Request<GetAgentRequest>) -> Answer<Agent> {
        self.service().agent(&request.into_inner().parent).map(Response::new)
    }
}

#[async_trait]
impl Intents for Grpc {
    async fn list_intents(&self, request: Request<ListIntentsRequest>) -> Answer<ListIntentsResponse> {
        self.service().intents(&request.into_inner()).map(Response::new)
    }

    async fn get_intent(&self, request: Request<GetIntentRequest>) -> Answer<Intent> {
        self.service().intent(&request.into_inner()).map(Response::new)
    }
}

#[async_trait]
impl Contexts for Grpc {
    async fn list_contexts(&self, request: Request<ListContextsRequest>) -> Answer<ListContextsResponse> {
        self.service().contexts(request.into_inner()).await.map(Response::new)
    }

    async fn get_context(&self, request: Request<GetContextRequest>) -> Answer<Context> {
        self.service().context(&request.into_inner().name).await.map(Response::new)
    }

    async fn create_context(&self, request: Request<CreateContextRequest>) -> Answer<Context> {
        self.service().create_context(request.into_inner()).await.map(Response::new)
    }

    async fn update_context(&self, request: Request<UpdateContextRequest>) -> Answer<Context> {
        self.service().update_context(request.into_inner()).await.map(Response::new)
    }

    async fn delete_context(&self, request: Request<DeleteContextRequest>) -> Answer<()> {
        self.service().delete_context(&request.into_inner().name).await.map(Response::new)
    }

    async fn delete_all_contexts(&self, request: Request<DeleteAllContextsRequest>) -> Answer<()> {
        self.service().delete_contexts(&request.into_inner().parent).await.map(Response::new)
    }
}

#[async_trait]
impl SessionEntityTypes for Grpc {
    async fn list_session_entity_types(
        &self,
        request: Request<ListSessionEntityTypesRequest>,
    ) -> Answer<ListSessionEntityTypesResponse> {
        self.service().entity_types(request.into_inner()).await.map(Response::new)
    }

    async fn get_session_entity_type(
        &self,
        request: Request<GetSessionEntityTypeRequest>,
    ) -> Answer<SessionEntityType> {
        self.service().entity_type(&request.into_inner().name).await.map(Response::new)
    }

    async fn create_session_entity_type(
        &self,
        request: Request<CreateSessionEntityTypeRequest>,
    ) -> Answer<SessionEntityType> {
        self.service().create_entity_type(request.into_inner()).await.map(Response::new)
    }

    async fn update_session_entity_type(
        &self,
        request: Request<UpdateSessionEntityTypeRequest>,
    ) -> Answer<SessionEntityType> {
        self.service().update_entity_type(request.into_inner()).await.map(Response::new)
    }

    async fn delete_session_entity_type(&self, request: Request<DeleteSessionEntityTypeRequest>) -> Answer<()> {
        self.service().delete_entity_type(&request.into_inner().name).await.map(Response::new)
    }
}
